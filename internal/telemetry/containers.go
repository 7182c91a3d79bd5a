package telemetry

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
)

// LBPool is the pool that /lb at the admin listener leads to, whatever its routes are.
const LBPool = "default"

// NewContainers tells of every container that the engine has, by name. It is apart from NewDocument, for it reads
// labels, which nobody asks for each second.
func NewContainers(in Input) []ContainerDoc {
	backends := make(map[string]proxy.BackendReport)
	unreached := make(map[string]bool) // pools by name
	for _, p := range in.Report.Pools {
		unreached[p.Name] = len(p.Routes) == 0 && p.Name != LBPool
		for _, b := range p.Backends {
			backends[b.Container] = b
		}
	}
	out := make([]ContainerDoc, 0, len(in.Entries)+len(in.Others))
	for _, e := range in.Entries {
		d := containerDoc(e)
		d.Labels = labelDocs(in.Prefix, e.Container.Labels)
		if b, ok := backends[d.FullID]; ok && d.Routed {
			d.Backend = &StandingDoc{State: b.State, Reason: b.Reason}
			d.Remedy = remedy(in.Prefix, b)
			if b.State == containers.StateReady && unreached[d.Pool] {
				d.Reason = "gets no requests: no route leads to its pool"
				d.Remedy = "set " + in.Prefix.Key("host") + " or " + in.Prefix.Key("path") + " to what no other pool has"
				d.Reason += "; " + d.Remedy
			}
		}
		out = append(out, d)
	}
	for _, o := range in.Others {
		d := ContainerDoc{
			ID: Short(o.ID), FullID: o.ID, Name: o.Name, Image: o.Image, State: string(o.State),
			Warnings: []string{}, Labels: labelDocs(in.Prefix, o.Labels),
		}
		reason, what := o.Why(in.Prefix)
		d.Reason, d.Remedy = reason, what
		if what != "" {
			d.Reason += "; " + what
		}
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b ContainerDoc) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.FullID, b.FullID))
	})
	return out
}

// remedy is what gets a backend ready; empty if it needs nothing.
func remedy(prefix containers.Prefix, b proxy.BackendReport) string {
	logs := "run: docker logs " + b.Name
	switch b.State {
	case containers.StateStarting:
		return "wait; if it stays so, " + logs
	case containers.StateUnhealthy:
		return "it is checked again and again; to see what is wrong, " + logs
	case containers.StateEjected:
		return "it is tried again by itself; to see what is wrong, " + logs
	case containers.StatePaused:
		return "run: docker unpause " + b.Name
	case containers.StateDraining:
		if b.Weight == 0 {
			return "recreate it with " + prefix.Key("weight") + " above 0"
		}
	}
	return ""
}

func labelDocs(prefix containers.Prefix, all map[string]string) []LabelDoc {
	out := []LabelDoc{}
	for _, l := range containers.ReadLabels(prefix, all) {
		d := LabelDoc{Key: l.Key, Read: l.Read, Default: l.Default, Refused: l.Refused}
		if !l.Default {
			d.Value = &l.Value
		}
		out = append(out, d)
	}
	return out
}

// Shares are the backends' parts of the pool's requests by its policy, from 0 to 1, in the order of Backends. 0 is not
// known, or none: of a backend that is not ready, by a policy that goes by load or by who asks, and in a panic.
func (p *PoolDoc) Shares() []float64 {
	shares := make([]float64, len(p.Backends))
	if p.Panic {
		return shares
	}
	var sum float64
	for i, b := range p.Backends {
		if b.State == containers.StateReady {
			shares[i] = planned(p.Policy, b)
			sum += shares[i]
		}
	}
	for i := range shares {
		if sum > 0 {
			shares[i] /= sum
		}
	}
	return shares
}

// planned is a backend's part by its pool's policy, in any unit; 0 if the policy goes by load.
func planned(policy string, b BackendDoc) float64 {
	switch policy {
	case "weighted", "random":
		return float64(b.Weight)
	case "round-robin":
		return 1
	}
	return 0
}

// NoSuchContainer says that none has such a name or ID, and which have one like it; empty if none has.
func NoSuchContainer(all []ContainerDoc, name string) (text string, near []string) {
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = c.Name
	}
	text = fmt.Sprintf("no container %q among the %d that the engine has", name, len(all))
	if near = containers.Nearest(name, names); len(near) > 0 {
		text += "; did you mean " + strings.Join(near, ", ") + "?"
	}
	return text, near
}
