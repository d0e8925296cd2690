package image

import (
	"fmt"

	"berth/internal/cli/platform"
	"berth/internal/cli/session"

	"github.com/spf13/pflag"
)

// installPlatforms adds the flag that chooses platforms of what is saved or loaded.
func installPlatforms(fs *pflag.FlagSet, to *[]string, verb string) {
	fs.StringSliceVar(to, "platform", nil,
		verb+` only the given platform(s). Formatted as a comma-separated list of "os[/arch[/variant]]" (e.g., "linux/amd64,linux/arm64/v8")`)
	session.Since(fs, "platform", "1.48")
}

// platformQueries reads platforms as the API takes them.
func platformQueries(texts []string) ([]string, error) {
	queries, err := platform.Queries(texts)
	if err != nil {
		return nil, fmt.Errorf("invalid platform: %w", err)
	}
	return queries, nil
}

// platformQuery reads a platform as the API takes it; none is empty.
func platformQuery(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	return platform.Query(text)
}
