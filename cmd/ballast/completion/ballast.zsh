#compdef ballast
# Completion of ballast for zsh. Load it with: source <(ballast completion zsh)

_ballast() {
    local line text files=0
    local -a candidates
    for line in "${(@f)$(${~words[1]} __complete "${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)}"; do
        if [[ $line == :files ]]; then
            files=1
        elif [[ -n $line ]]; then
            text=${line%%$'\t'*}
            candidates+=("${text//:/\\:}${${line#"$text"}/#$'\t'/:}")
        fi
    done
    (( $#candidates )) && _describe -t ballast ballast candidates
    if (( files )); then
        [[ $PREFIX == -*=* ]] && compset -P '*='
        _files
    fi
}

if [[ ${funcstack[1]} == _ballast ]]; then
    _ballast "$@"
else
    compdef _ballast ballast
fi
