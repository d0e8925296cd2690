// Package budget decides, purely, which images have to go so that the disk is not used more than its owner
// allows.
package budget

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/fault"

	"github.com/opencontainers/go-digest"
)

// Budget is what images may take. The zero value allows everything.
type Budget struct {
	Bytes   int64   // of images; 0 is no bound
	Percent float64 // of the file system, whatever fills it; 0 is no bound
}

// Parse reads "20GB", "1.5 TiB", a number of bytes, or "80%". Units of "kB" are powers of 1000, those of "KiB" of
// 1024. "0" and "" allow everything.
func Parse(word string) (Budget, error) {
	bad := fault.New(fault.Invalid, `invalid disk budget: %s is neither a size such as "20GB" nor a share such as "80%%"`, fault.Quoted(word))
	word = strings.TrimSpace(word)
	if word == "" || word == "0" {
		return Budget{}, nil
	}
	end := strings.LastIndexAny(word, "0123456789.") + 1
	n, err := strconv.ParseFloat(word[:end], 64)
	if err != nil || n <= 0 {
		return Budget{}, bad
	}
	unit := strings.ToLower(strings.TrimSpace(word[end:]))
	if unit == "%" {
		if n > 100 {
			return Budget{}, bad
		}
		return Budget{Percent: n}, nil
	}
	factor, ok := factorOf(unit)
	if n *= factor; !ok || n < 1 || n >= 1<<62 {
		return Budget{}, bad
	}
	return Budget{Bytes: int64(n)}, nil
}

func factorOf(unit string) (float64, bool) {
	base := 1000.0
	unit = strings.TrimSuffix(unit, "b")
	if short, ok := strings.CutSuffix(unit, "i"); ok {
		unit, base = short, 1024
	}
	power := strings.Index("kmgtp", cmp.Or(unit, "?")) + 1
	if len(unit) > 1 || unit != "" && power == 0 || unit == "" && base == 1024 {
		return 0, false
	}
	factor := 1.0
	for range power {
		factor *= base
	}
	return factor, true
}

// Excess is how many bytes are too many: images take some, and of a file system of total bytes some are used.
func (b Budget) Excess(images, used, total int64) int64 {
	var excess int64
	if b.Bytes > 0 {
		excess = images - b.Bytes
	}
	if b.Percent > 0 {
		excess = max(excess, used-int64(float64(total)*b.Percent/100))
	}
	return max(excess, 0)
}

// Image is one that may have to go.
type Image struct {
	ID    digest.Digest
	Used  time.Time // last
	Held  bool      // it must not go
	Parts map[digest.Digest]int64
}

// Plan names the images to remove, those first that were not used for longest, until as many bytes are free.
// What several images share is free when all of them have gone. None goes whose removal makes no difference; when
// all of them together do not free enough, those go that free anything.
func Plan(list []Image, excess int64) (ids []digest.Digest, freed int64) {
	if excess <= 0 {
		return nil, 0
	}
	order := slices.Clone(list)
	slices.SortStableFunc(order, func(a, b Image) int { return cmp.Or(a.Used.Compare(b.Used), cmp.Compare(a.ID, b.ID)) })
	owners := map[digest.Digest]int{}
	for _, img := range order {
		for part := range img.Parts {
			owners[part]++
		}
	}
	take := func(img Image) (gain int64) {
		for part, size := range img.Parts {
			if owners[part]--; owners[part] == 0 {
				gain += size
			}
		}
		return gain
	}
	giveBack := func(img Image) (loss int64) {
		for part, size := range img.Parts {
			if owners[part]++; owners[part] == 1 {
				loss += size
			}
		}
		return loss
	}
	var gone []Image
	for _, img := range order {
		if !img.Held && freed < excess {
			freed += take(img)
			gone = append(gone, img)
		}
	}
	enough := min(excess, freed)
	for i := len(gone) - 1; i >= 0; i-- { // the last ones were used last
		if loss := giveBack(gone[i]); freed-loss >= enough {
			freed -= loss
			gone = slices.Delete(gone, i, i+1)
			continue
		}
		take(gone[i])
	}
	for _, img := range gone {
		ids = append(ids, img.ID)
	}
	return ids, freed
}
