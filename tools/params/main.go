// params writes docs/params.md, what every endpoint and parameter about containers is tried with.
package main

import (
	"fmt"
	"os"

	"berth/test/params"
)

func main() {
	if err := os.WriteFile("docs/params.md", []byte(params.Document(params.List())), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
