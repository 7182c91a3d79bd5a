package containers

import (
	"fmt"
	"strings"

	"github.com/ballast-lb/ballast/engine"
)

// Other is a container of the engine that does not ask to be managed, as of the last list: no event tells of it.
type Other struct {
	ID, Name, Image string
	State           engine.State
	// Labels are those under Ballast's prefix and no others; nil if it has none.
	Labels map[string]string
	// Near is the key of a label that was probably meant to be the one that enables; empty if there is none.
	Near string
	// Self says that Ballast runs in it.
	Self bool
}

func newOther(prefix Prefix, s engine.Summary, self string) Other {
	o := Other{ID: s.ID, Name: s.Name, Image: s.Image, State: s.State, Self: s.ID == self}
	begin, enable := prefix.Key(""), prefix.Key("enable")
	for key, value := range s.Labels {
		if strings.HasPrefix(key, begin) {
			if o.Labels == nil {
				o.Labels = make(map[string]string)
			}
			o.Labels[key] = value
		}
		// Of several the lowest, so that the answer does not change from list to list.
		if nearTo(key, enable) && (o.Near == "" || key < o.Near) {
			o.Near = key
		}
	}
	return o
}

// nearTo says that key is another one than wanted, and so little of another that wanted was probably meant.
func nearTo(key, wanted string) bool {
	most := max(1, len(wanted)/6)
	if key == wanted || max(len(key), len(wanted))-min(len(key), len(wanted)) > most {
		return false
	}
	return distance(strings.ToLower(key), wanted) <= most
}

// Why says why the container is not routed, and what to do if it should be.
func (o Other) Why(prefix Prefix) (reason, remedy string) {
	enable := prefix.Key("enable")
	remedy = fmt.Sprintf("if it is to serve, recreate it with the label %s=true", enable)
	value, has := o.Labels[enable]
	switch {
	case o.Self:
		return reasonSelf, ""
	case has:
		return fmt.Sprintf(`has %s=%s, and only "true" joins`, enable, quote(value)), remedy
	case o.Near != "":
		return fmt.Sprintf("has the label %s, which means nothing here; did you mean %s?", printable(o.Near), enable), remedy
	case len(o.Labels) > 0:
		return fmt.Sprintf("has labels of Ballast, but not %s=true", enable), remedy
	}
	return fmt.Sprintf("does not have the label %s=true", enable), remedy
}
