package proxy

import "strings"

// maxAgent is how much of a User-Agent is looked at.
const maxAgent = 1024

// agents are patterns of User-Agents whose requests wake nobody. Each is the texts between its asterisks, in lower
// case, which have to come in that order, anywhere.
type agents [][]string

// newAgents reads patterns that are separated by commas.
func newAgents(list string) agents {
	var out agents
	for p := range strings.SplitSeq(list, ",") {
		parts := strings.FieldsFunc(strings.ToLower(strings.TrimSpace(p)), func(r rune) bool { return r == '*' })
		if len(parts) > 0 {
			out = append(out, parts)
		}
	}
	return out
}

// match allocates nothing.
func (a agents) match(agent string) bool {
	agent = agent[:min(len(agent), maxAgent)]
	for _, parts := range a {
		if inOrder(agent, parts) {
			return true
		}
	}
	return false
}

func inOrder(s string, parts []string) bool {
	for _, part := range parts {
		i := indexFold(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return true
}

// indexFold is strings.Index for a part in lower case, and for ASCII whatever its case in s.
func indexFold(s, part string) int {
	for i := 0; i+len(part) <= len(s); i++ {
		j := 0
		for j < len(part) && lower(s[i+j]) == part[j] {
			j++
		}
		if j == len(part) {
			return i
		}
	}
	return -1
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
