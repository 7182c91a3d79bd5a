# Completion of ballast for bash. Load it with: source <(ballast completion bash)

_ballast() {
    local line=${COMP_LINE:0:COMP_POINT} current rest candidate
    local -a words
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    current=${words[${#words[@]} - 1]}
    # Bash replaces only what stands behind the last word break.
    rest=$current
    [[ $COMP_WORDBREAKS == *=* ]] && rest=${rest##*=}
    [[ $COMP_WORDBREAKS == *:* ]] && rest=${rest##*:}
    COMPREPLY=()
    while IFS=$'\t' read -r candidate _; do
        if [[ $candidate == :files ]]; then
            compopt -o default 2>/dev/null
        else
            COMPREPLY+=("${candidate#"${current%"$rest"}"}")
        fi
    done < <("${COMP_WORDS[0]/#\~/$HOME}" __complete "${words[@]:1}" 2>/dev/null)
}

complete -F _ballast ballast
