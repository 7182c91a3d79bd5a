package balance

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/cespare/xxhash/v2"
)

// weighing returns n candidates with weights from 1 to heaviest.
func weighing(n, heaviest int) []Candidate {
	cs := make([]Candidate, n)
	for i := range cs {
		cs[i] = Candidate{ID: fmt.Sprintf("container-%d", i), Weight: i*37%heaviest + 1}
	}
	return cs
}

// table returns the table with IDs in place of indexes.
func table(t *testing.T, cs []Candidate) []string {
	t.Helper()
	m, err := newMaglev(HashIP, cs)
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]string, len(m.table))
	for i, index := range m.table {
		ids[i] = cs[index].ID
	}
	return ids
}

// The sample is the whole table: shares are within one place of 65,537.
func TestMaglev_shares_follow_weights(t *testing.T) {
	for _, n := range []int{1, 2, 3, 10, 100, 1000} {
		for _, heaviest := range []int{1, 7} {
			t.Run(fmt.Sprintf("%d weighing up to %d", n, heaviest), func(t *testing.T) {
				cs := weighing(n, heaviest)
				got, sum := make(map[string]int), 0
				for _, id := range table(t, cs) {
					got[id]++
				}
				for _, c := range cs {
					sum += c.Weight
				}
				for _, c := range cs {
					want := maglevSize * float64(c.Weight) / float64(sum)
					if math.Abs(float64(got[c.ID])-want) > 1 {
						t.Errorf("%s of weight %d has %d places, want %.2f within 1", c.ID, c.Weight, got[c.ID], want)
					}
				}
			})
		}
	}
}

// The sample is the whole table. Of the places of those that stay at most 2 % move, whoever leaves.
func TestMaglev_moves_few_others_when_one_leaves(t *testing.T) {
	for _, n := range []int{2, 3, 10, 100, 1000} {
		for _, heaviest := range []int{1, 256} {
			cs := weighing(n, heaviest)
			before := table(t, cs)
			for _, leaves := range []int{0, n - 1} {
				after := table(t, slices.Delete(slices.Clone(cs), leaves, leaves+1))
				stayed, moved := 0, 0
				for i, id := range before {
					if id == cs[leaves].ID {
						continue
					}
					stayed++
					if after[i] != id {
						moved++
					}
				}
				if share := float64(moved) / float64(stayed); share > 0.02 {
					t.Errorf("when %d of %d weighing up to %d leaves, %.2f %% of the others' places move, want at most 2 %%",
						leaves, n, heaviest, 100*share)
				}
			}
		}
	}
}

func TestMaglev_knows_no_order(t *testing.T) {
	cs := weighing(20, 7)
	turned := slices.Clone(cs)
	slices.Reverse(turned)
	if !slices.Equal(table(t, cs), table(t, turned)) {
		t.Error("the order of the candidates changes the table")
	}
}

// Ballasts of two versions may serve the same clients: what changes the table is a change that users
// must be told of.
func TestMaglev_table_is_that_of_other_versions(t *testing.T) {
	m, err := newMaglev(HashIP, weighing(20, 7))
	if err != nil {
		t.Fatal(err)
	}
	var bytes []byte
	for _, index := range m.table {
		bytes = binary.LittleEndian.AppendUint32(bytes, index)
	}
	if got, want := xxhash.Sum64(bytes), uint64(0xb898a01aa6965d64); got != want {
		t.Errorf("the table's hash is %#x, want %#x", got, want)
	}
}
