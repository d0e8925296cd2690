package record

import (
	"regexp"
	"strconv"
	"testing"
)

func TestAnIDIsRandomAndItsShortFormNoNumber(t *testing.T) {
	seen := map[string]bool{}
	for range 2000 {
		id := NewID()
		if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(id) || seen[id] {
			t.Fatal(id)
		}
		if _, err := strconv.ParseInt(id[:12], 10, 64); err == nil {
			t.Error(id)
		}
		seen[id] = true
	}
}
