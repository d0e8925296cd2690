package fault

import "fmt"

// Quoted shows words of an archive's or a user's in an error: quoted as in Go, and no
// more than the first 128 bytes of them.
func Quoted(words string) string {
	if len(words) > 128 {
		words = words[:128] + "…"
	}
	return fmt.Sprintf("%q", words)
}
