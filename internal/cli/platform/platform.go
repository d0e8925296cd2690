// Package platform reads what users write for --platform. It is the grammar of
// containerd's platforms package for "os", "arch", "os/arch" and
// "os/arch/variant", without its regular expressions and its logger.
package platform

import (
	"encoding/json"
	"runtime"
	"slices"
	"strings"

	"berth/internal/fault"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Parse reads a platform. What is left out is taken from this machine.
func Parse(text string) (ocispec.Platform, error) {
	if strings.Contains(text, "*") {
		return ocispec.Platform{}, fault.New(fault.Invalid, "%q: wildcards not yet supported: invalid argument", text)
	}
	parts := strings.Split(text, "/")
	if len(parts) > 3 || strings.Contains(parts[0], ".") || slices.ContainsFunc(parts, func(s string) bool { return !valid(s) }) {
		return ocispec.Platform{}, fault.New(fault.Invalid, "%q: cannot parse platform specifier: invalid argument", text)
	}
	p := ocispec.Platform{OS: system(parts[0])}
	switch len(parts) {
	case 1:
		return alone(text, p.OS)
	case 2:
		p.Architecture, p.Variant = architecture(parts[1], "")
		p.Variant = usual(p.Architecture, p.Variant)
	case 3:
		p.Architecture, p.Variant = architecture(parts[1], parts[2])
		if p.Architecture == "arm64" && p.Variant == "" {
			p.Variant = "v8"
		}
	}
	return p, nil
}

// alone reads a system or an architecture by itself.
func alone(text, os string) (ocispec.Platform, error) {
	if slices.Contains(systems(), os) {
		return ocispec.Platform{OS: os, Architecture: runtime.GOARCH}, nil
	}
	arch, variant := architecture(text, "")
	if slices.Contains(architectures(), arch) {
		return ocispec.Platform{OS: runtime.GOOS, Architecture: arch, Variant: usual(arch, variant)}, nil
	}
	return ocispec.Platform{}, fault.New(fault.Invalid, "%q: unknown operating system or architecture: invalid argument", text)
}

// Queries reads platforms into what the API takes of them: JSON. A text may
// hold several with commas between them.
func Queries(texts []string) ([]string, error) {
	var out []string
	for _, text := range texts {
		for one := range strings.SplitSeq(text, ",") {
			q, err := Query(one)
			if err != nil {
				return nil, err
			}
			out = append(out, q)
		}
	}
	return out, nil
}

// Query reads one platform into what the API takes.
func Query(text string) (string, error) {
	p, err := Parse(text)
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(p)
	return string(b), err
}

// Format writes a platform as people do.
func Format(p ocispec.Platform) string {
	if p.OS == "" {
		return "unknown"
	}
	text := p.OS
	for _, part := range []string{p.Architecture, p.Variant} {
		if part != "" {
			text += "/" + part
		}
	}
	return text
}

func valid(part string) bool {
	return part != "" && !strings.ContainsFunc(part, func(r rune) bool {
		return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_' || r == '-' || r == '.')
	})
}

func systems() []string {
	return []string{
		"aix", "android", "darwin", "dragonfly", "freebsd", "hurd", "illumos", "ios", "js", "linux", "nacl",
		"netbsd", "openbsd", "plan9", "solaris", "windows", "zos",
	}
}

func architectures() []string {
	return []string{
		"386", "amd64", "amd64p32", "arm", "armbe", "arm64", "arm64be", "ppc64", "ppc64le", "loong64", "mips", "mipsle",
		"mips64", "mips64le", "mips64p32", "mips64p32le", "ppc", "riscv", "riscv64", "s390", "s390x", "sparc", "sparc64", "wasm",
	}
}

func system(text string) string {
	if text = strings.ToLower(text); text == "macos" {
		return "darwin"
	}
	return text
}

// architecture gives what people call an architecture its name in Go and OCI.
func architecture(arch, variant string) (name, itsVariant string) {
	arch, variant = strings.ToLower(arch), strings.ToLower(variant)
	switch arch {
	case "i386":
		return "386", ""
	case "x86_64", "x86-64", "amd64":
		if variant == "v1" {
			variant = ""
		}
		return "amd64", variant
	case "aarch64", "arm64":
		switch variant {
		case "8", "v8", "v8.0":
			variant = ""
		case "9", "9.0", "v9.0":
			variant = "v9"
		}
		return "arm64", variant
	case "armhf":
		return "arm", "v7"
	case "armel":
		return "arm", "v6"
	case "arm":
		switch variant {
		case "", "7":
			variant = "v7"
		case "5", "6", "8":
			variant = "v" + variant
		}
	}
	return arch, variant
}

// usual leaves out a variant that needs no saying.
func usual(arch, variant string) string {
	if arch == "arm" && variant == "v7" {
		return ""
	}
	return variant
}
