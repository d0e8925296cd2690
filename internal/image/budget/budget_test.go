package budget

import (
	"math/rand/v2"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

func TestABudgetIsASizeOrAShare(t *testing.T) {
	for word, want := range map[string]Budget{
		"": {}, "0": {}, "20GB": {Bytes: 20e9}, "20 gb": {Bytes: 20e9}, "1.5TiB": {Bytes: 3 << 39}, "512m": {Bytes: 512e6}, "12345": {Bytes: 12345},
		"7b": {Bytes: 7}, "80%": {Percent: 80}, "99.5 %": {Percent: 99.5}, "10KiB": {Bytes: 10240}, "1PB": {Bytes: 1e15},
	} {
		if got, err := Parse(word); err != nil || got != want {
			t.Errorf("%q: %+v, %v", word, got, err)
		}
	}
	for _, word := range []string{"much", "-1GB", "101%", "0%", "20XB", "20ib", "GB", "1e30", "20%%", "1..2GB", "NaN", "9999999PB"} {
		if got, err := Parse(word); err == nil {
			t.Errorf("%q: %+v", word, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("20GB")
	f.Add("80%")
	f.Fuzz(func(t *testing.T, word string) {
		if b, err := Parse(word); err == nil && (b.Bytes < 0 || b.Percent < 0 || b.Percent > 100) {
			t.Errorf("%q: %+v", word, b)
		}
	})
}

func TestTheExcessIsTheWorseOfBothBounds(t *testing.T) {
	for _, c := range []struct {
		b    Budget
		want int64
	}{{Budget{}, 0}, {Budget{Bytes: 100}, 0}, {Budget{Bytes: 60}, 10}, {Budget{Percent: 50}, 0}, {Budget{Percent: 20}, 200}} {
		if got := c.b.Excess(70, 400, 1000); got != c.want {
			t.Errorf("%+v: %d", c.b, got)
		}
	}
}

func img(id string, hour int, held bool, parts map[digest.Digest]int64) Image {
	return Image{ID: digest.Digest(id), Used: time.Unix(int64(hour)*3600, 0), Held: held, Parts: parts}
}

func TestWhatWasNotUsedForLongestGoesFirst(t *testing.T) {
	own := func(name string) map[digest.Digest]int64 {
		return map[digest.Digest]int64{digest.Digest(name): 10, "base": 100}
	}
	list := []Image{img("new", 9, false, own("new")), img("old", 1, false, own("old")), img("held", 0, true, own("held")), img("middle", 5, false, own("middle"))}
	alone := []Image{img("a", 1, false, map[digest.Digest]int64{"x": 5}), img("b", 2, false, map[digest.Digest]int64{"x": 5}), img("c", 3, false, map[digest.Digest]int64{"c": 50})}
	for what, c := range map[string]struct {
		list   []Image
		excess int64
		ids    []digest.Digest
		freed  int64
	}{
		"nothing too much":                   {list, 0, nil, 0},
		"the oldest is enough":               {list, 10, []digest.Digest{"old"}, 10},
		"two":                                {list, 11, []digest.Digest{"old", "middle"}, 20},
		"more than there is":                 {list, 1000, []digest.Digest{"old", "middle", "new"}, 30},
		"what makes no difference stays":     {alone, 40, []digest.Digest{"c"}, 50},
		"what is shared goes with all of it": {alone, 51, []digest.Digest{"a", "b", "c"}, 55},
	} {
		ids, freed := Plan(c.list, c.excess)
		if !reflect.DeepEqual(ids, c.ids) || freed != c.freed {
			t.Errorf("%s: %v, %d", what, ids, freed)
		}
	}
}

func TestNoPlanTouchesWhatIsHeldAndEveryPlanFreesWhatItSays(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var list []Image
		for i := range 1 + r.IntN(8) {
			parts := map[digest.Digest]int64{}
			for range r.IntN(5) {
				p := r.IntN(6)
				parts[digest.Digest(strconv.Itoa(p))] = int64(p + 1)
			}
			list = append(list, img("i"+strconv.Itoa(i), r.IntN(4), r.IntN(4) == 0, parts))
		}
		excess := int64(r.IntN(25))
		ids, freed := Plan(list, excess)
		gone := map[digest.Digest]bool{}
		for _, id := range ids {
			gone[id] = true
		}
		before, after := map[digest.Digest]int64{}, map[digest.Digest]int64{}
		for _, i := range list {
			if gone[i.ID] && i.Held {
				t.Fatalf("%s is held", i.ID)
			}
			for p, size := range i.Parts {
				before[p] = size
				if !gone[i.ID] {
					after[p] = size
				}
			}
		}
		var really int64
		for p, size := range before {
			if _, still := after[p]; !still {
				really += size
			}
		}
		if really != freed {
			t.Fatalf("%+v: %v free %d, not %d", list, ids, really, freed)
		}
	}
}
