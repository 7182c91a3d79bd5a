package config

import (
	"errors"
	"fmt"

	"github.com/ballast-lb/ballast/containers"
)

// Problem is one thing that is wrong with the configuration.
type Problem struct {
	// Key is as in the file; Value as it was written, and Source where: a flag, a variable, a path or "default". Key is empty
	// for what has none, Source where that is not known.
	Key    string `json:"key"`
	Value  string `json:"value"`
	Source string `json:"source,omitempty"`
	// Remedy says what it must be, or what to do; Text is the line that people are told, with all of it.
	Remedy string `json:"remedy"`
	Text   string `json:"text"`
}

// keyError is what is wrong with a key.
type keyError struct {
	key, value, source string
	err                error
}

func (e *keyError) Error() string {
	if e.source == "" {
		return e.key + ": " + e.err.Error()
	}
	return fmt.Sprintf("%s: %q (%s) %s", e.key, e.value, e.source, e.err)
}

func (e *keyError) Unwrap() error { return e.err }

// wrong says what is wrong with a key, beyond its value alone.
func wrong(key, format string, args ...any) error {
	return &keyError{key: key, err: fmt.Errorf(format, args...)}
}

// Problems are the parts of an error of Load; c is what Load returned with it.
func (c Config) Problems(err error) []Problem {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []Problem
		for _, err := range joined.Unwrap() {
			all = append(all, c.Problems(err)...)
		}
		return all
	}
	p := Problem{Remedy: err.Error(), Text: err.Error()}
	var (
		of      *keyError
		setting *containers.SettingError
	)
	switch {
	case errors.As(err, &of):
		p.Key, p.Value, p.Source, p.Remedy = of.key, of.value, of.source, of.err.Error()
		if p.Source == "" {
			p.Value, p.Source = c.texts[p.Key], c.sources[p.Key]
		}
	case errors.As(err, &setting):
		p.Key, p.Value, p.Source, p.Remedy = setting.Key, setting.Value, c.File, setting.Remedy
	}
	return []Problem{p}
}
