// fields writes docs/fields.md, the list of what a create of a container may say.
package main

import (
	"fmt"
	"os"

	"berth/internal/server/fields"
)

func main() {
	if err := os.WriteFile("docs/fields.md", []byte(fields.Document()), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
