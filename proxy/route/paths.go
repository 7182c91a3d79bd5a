package route

import (
	"bytes"
	"strings"
)

// none is the rule of a node where no rule ends.
const none = -1

// node is a segment of a path, and below it those that follow. The root is the path "/".
type node struct {
	rule     int // The position of the rule whose path ends here.
	children map[string]*node
}

func (n *node) add(path string, rule int) {
	rest, ok := strings.CutPrefix(path, "/")
	if !ok {
		return
	}
	if rest == "" {
		n.rule = rule
		return
	}
	for segment := range strings.SplitSeq(rest, "/") {
		child := n.children[segment]
		if child == nil {
			child = &node{rule: none}
			if n.children == nil {
				n.children = make(map[string]*node)
			}
			n.children[segment] = child
		}
		n = child
	}
	n.rule = rule
}

// find returns the rule of the longest path that is above path or the same, or none.
func (n *node) find(path []byte) int {
	best := n.rule
	for n.children != nil && len(path) > 0 && path[0] == '/' {
		segment := path[1:]
		if i := bytes.IndexByte(segment, '/'); i >= 0 {
			segment = segment[:i]
		}
		n = n.children[string(segment)]
		if n == nil {
			break
		}
		if n.rule != none {
			best = n.rule
		}
		path = path[1+len(segment):]
	}
	return best
}
