package system

import (
	"context"
	"io"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"text/tabwriter"
	"text/template"
	"time"

	"berth/internal/cli/engine"
	"berth/internal/cli/format"
	"berth/internal/cli/session"

	"github.com/moby/moby/api/types/system"
	"github.com/spf13/cobra"
)

// Build says what this program is made of.
type Build struct {
	Version, Commit, Time string
}

// BuildOf completes b with what the Go toolchain recorded.
func BuildOf(b Build) Build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && b.Commit == "":
			b.Commit = s.Value[:min(len(s.Value), 7)]
		case s.Key == "vcs.time" && b.Time == "":
			b.Time = s.Value
		}
	}
	return b
}

// platform names a product.
type platform struct{ Name string }

type clientVersion struct {
	Platform          *platform `json:",omitempty"`
	Version           string    `json:"Version,omitempty"`
	APIVersion        string    `json:"ApiVersion,omitempty"`
	DefaultAPIVersion string    `json:"DefaultAPIVersion,omitempty"`
	GitCommit         string    `json:"GitCommit,omitempty"`
	GoVersion         string    `json:"GoVersion,omitempty"`
	Os                string    `json:"Os,omitempty"`
	Arch              string    `json:"Arch,omitempty"`
	BuildTime         string    `json:"BuildTime,omitempty"`
	Context           string    `json:"Context"`
}

type versions struct {
	Client clientVersion
	Server *system.VersionResponse
}

// versionTemplate is docker's layout.
const versionTemplate = `{{with .Client -}}
Client:{{if ne .Platform nil}}{{if ne .Platform.Name ""}} {{.Platform.Name}}{{end}}{{end}}
 Version:	{{.Version}}
 API version:	{{.APIVersion}}{{if ne .APIVersion .DefaultAPIVersion}} (downgraded from {{.DefaultAPIVersion}}){{end}}
 Go version:	{{.GoVersion}}
 Git commit:	{{.GitCommit}}
 Built:	{{.BuildTime}}
 OS/Arch:	{{.Os}}/{{.Arch}}
 Context:	{{.Context}}
{{- end}}

{{- if ne .Server nil}}{{with .Server}}

Server:{{if ne .Platform.Name ""}} {{.Platform.Name}}{{end}}
 {{- range $component := .Components}}
 {{$component.Name}}:
  {{- if eq $component.Name "Engine" }}
  Version:	{{.Version}}
  API version:	{{index .Details "ApiVersion"}} (minimum version {{index .Details "MinAPIVersion"}})
  Go version:	{{index .Details "GoVersion"}}
  Git commit:	{{index .Details "GitCommit"}}
  Built:	{{index .Details "BuildTime"}}
  OS/Arch:	{{index .Details "Os"}}/{{index .Details "Arch"}}
  Experimental:	{{index .Details "Experimental"}}
  {{- else }}
  Version:	{{$component.Version}}
  {{- $detailsOrder := getDetailsOrder $component}}
  {{- range $key := $detailsOrder}}
  {{$key}}:	{{index $component.Details $key}}
   {{- end}}
  {{- end}}
 {{- end}}
 {{- end}}{{- end}}`

// NewVersion returns `version`.
func NewVersion(s *session.Session, b Build) *cobra.Command {
	var text string
	cmd := &cobra.Command{
		Use:   "version [OPTIONS]",
		Short: "Show the Docker version information",
		Args:  session.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runVersion(cmd.Context(), s, BuildOf(b), text)
		},
		Annotations: map[string]string{"category-top": "10"},
	}
	cmd.Flags().StringVarP(&text, "format", "f", "", format.InspectHelp)
	return cmd
}

func runVersion(ctx context.Context, s *session.Session, b Build, text string) error {
	switch text {
	case "":
		text = versionTemplate
	case "json":
		text = "{{json .}}"
	}
	tmpl, err := format.Parse(text, template.FuncMap{"getDetailsOrder": detailsOrder})
	if err != nil {
		why := strings.Replace(err.Error(), "template: :", "template: version:", 1) // as docker calls it
		return &session.StatusError{Code: 64, Text: "template parsing error: " + why, Cause: err}
	}
	client, err := s.Engine()
	if err != nil {
		return err
	}
	server, serverErr := client.System().Version(ctx)
	v := versions{Client: ours(s, b)}
	v.Client.APIVersion = client.Version()
	if serverErr == nil {
		v.Server = completed(server)
	}
	if err := printVersion(s.Out, tmpl, v); err != nil && serverErr == nil {
		return err
	}
	return serverErr
}

func ours(s *session.Session, b Build) clientVersion {
	return clientVersion{
		Version: b.Version, DefaultAPIVersion: engine.MaxAPIVersion, GitCommit: b.Commit,
		GoVersion: runtime.Version(), Os: runtime.GOOS, Arch: runtime.GOARCH,
		BuildTime: humanTime(b.Time), Context: s.Context(),
	}
}

// completed gives daemons that list no components the one that they are.
func completed(v system.VersionResponse) *system.VersionResponse {
	for _, c := range v.Components {
		if c.Name == "Engine" {
			if t, ok := c.Details["BuildTime"]; ok {
				c.Details["BuildTime"] = humanTime(t)
			}
			return &v
		}
	}
	v.Components = append(v.Components, system.ComponentVersion{
		Name: "Engine", Version: v.Version,
		Details: map[string]string{
			"ApiVersion": v.APIVersion, "MinAPIVersion": v.MinAPIVersion, "Os": v.Os, "Arch": v.Arch,
		},
	})
	return &v
}

func printVersion(out io.Writer, tmpl *template.Template, v versions) error {
	w := tabwriter.NewWriter(out, 20, 1, 1, ' ', 0)
	err := tmpl.Execute(w, v)
	_, _ = w.Write([]byte("\n"))
	_ = w.Flush()
	return err
}

func humanTime(t string) string {
	parsed, err := time.Parse(time.RFC3339Nano, t)
	if err != nil {
		return t
	}
	return parsed.Format(time.ANSIC)
}

func detailsOrder(v system.ComponentVersion) []string { return slices.Sorted(maps.Keys(v.Details)) }
