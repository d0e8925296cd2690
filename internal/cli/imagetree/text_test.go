package imagetree

import (
	"strings"
	"testing"

	"github.com/moby/moby/api/types/image"
)

func TestANarrowTerminalLosesColumnsAndNeverANamesEnd(t *testing.T) {
	images := []image.Summary{{ID: "sha256:0123456789abcdef", RepoTags: []string{"registry.example.com/a/long/name:latest"}, Size: 1000, Containers: 1}}
	for width, want := range map[int]string{
		200: "IMAGE                                     ID             DISK USAGE   CONTENT SIZE   EXTRA\n" +
			"registry.example.com/a/long/name:latest   0123456789ab          1kB             0B   U    \n",
		70: "IMAGE                 ID             DISK USAGE   CONTENT SIZE   EXTRA\n" +
			"registry.example.com/a/long/name:latest\n                      0123456789ab          1kB             0B   U    \n",
		40: "IMAGE          ID             DISK USAGE\n" +
			"registry.example.com/a/long/name:latest\n               0123456789ab          1kB\n",
		25: "IMAGE                    \nregistry.example.com/a/long/name:latest\n                         \n",
	} {
		text := Text(images, Look{Width: width})
		legend, got, _ := strings.Cut(text, "\n")
		if !strings.HasSuffix(legend, " Info ->  U In Use") || width > len(legend) {
			t.Errorf("%d: the legend is %q", width, legend)
		}
		if got != want {
			t.Errorf("%d: got\n%s\nwant\n%s", width, got, want)
		}
	}
}

func TestNamesDoNotSteerTheTerminal(t *testing.T) {
	text := Text([]image.Summary{{ID: "x", RepoTags: []string{"a\x1b[2J\r:1"}}}, Look{})
	if strings.ContainsAny(text, "\x1b\r") {
		t.Errorf("%q", text)
	}
}
