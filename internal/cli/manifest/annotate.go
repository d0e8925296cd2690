package manifest

import (
	"fmt"
	"slices"
	"strings"

	"berth/internal/cli/session"
	"berth/internal/fault"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"
)

func newAnnotate(s *session.Session) *cobra.Command {
	var given ocispec.Platform
	cmd := &cobra.Command{
		Use:   "annotate [OPTIONS] MANIFEST_LIST MANIFEST",
		Short: "Add additional information to a local image manifest",
		Args:  session.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			list, err := named(args[0])
			if err != nil {
				return fmt.Errorf("annotate: error parsing name for manifest list %s: %w", args[0], err)
			}
			ref, err := named(args[1])
			if err != nil {
				return fmt.Errorf("annotate: error parsing name for manifest %s: %w", args[1], err)
			}
			img, err := lists(s).get(list, ref)
			if fault.Is(err, fault.NotFound) {
				return fault.New(fault.NotFound, "manifest for image %s does not exist in %s", args[1], args[0])
			}
			if err != nil {
				return err
			}
			p := annotated(img.Descriptor.Platform, given)
			if !known(p) {
				return fault.New(fault.Invalid, "manifest entry for image has unsupported os/arch combination: %s/%s", given.OS, given.Architecture)
			}
			img.Descriptor.Platform = &p
			return lists(s).put(list, ref, img)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&given.Architecture, "arch", "", "Set architecture")
	fs.StringVar(&given.OS, "os", "", "Set operating system")
	fs.StringSliceVar(&given.OSFeatures, "os-features", nil, "Set operating system feature")
	fs.StringVar(&given.OSVersion, "os-version", "", "Set operating system version")
	fs.StringVar(&given.Variant, "variant", "", "Set architecture variant")
	return cmd
}

// annotated is a platform with what is given in place of what it had.
func annotated(old *ocispec.Platform, given ocispec.Platform) ocispec.Platform {
	var p ocispec.Platform
	if old != nil {
		p = *old
	}
	for _, field := range []struct {
		to  *string
		new string
	}{{&p.OS, given.OS}, {&p.Architecture, given.Architecture}, {&p.Variant, given.Variant}, {&p.OSVersion, given.OSVersion}} {
		if field.new != "" {
			*field.to = field.new
		}
	}
	for _, f := range given.OSFeatures {
		if !slices.Contains(p.OSFeatures, f) {
			p.OSFeatures = append(p.OSFeatures, f)
		}
	}
	return p
}

// known reports a platform that docker's client lets into a list.
func known(p ocispec.Platform) bool {
	architectures := map[string]string{
		"darwin": "386 amd64 arm arm64", "dragonfly": "amd64", "freebsd": "386 amd64 arm",
		"linux":  "386 amd64 arm arm64 ppc64le mips64 mips64le riscv64 s390x",
		"netbsd": "386 amd64 arm", "openbsd": "386 amd64 arm", "plan9": "386 amd64", "solaris": "amd64", "windows": "386 amd64",
	}
	return slices.Contains(strings.Fields(architectures[p.OS]), p.Architecture)
}
