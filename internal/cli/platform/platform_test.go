package platform

import (
	"testing"

	"github.com/containerd/platforms"
)

func TestPlatformsAreReadAsContainerdReadsThem(t *testing.T) {
	for _, text := range []string{
		"linux", "Linux", "windows", "macos", "amd64", "x86_64", "X86-64", "i386", "arm", "armhf", "armel", "aarch64", "arm64", "riscv64", "s390x",
		"linux/amd64", "linux/x86_64", "linux/arm", "linux/armhf", "linux/arm64", "linux/aarch64", "linux/nope", "nope/nope", "darwin/arm64",
		"linux/arm64/v8", "linux/arm64/8", "linux/arm64/v9", "linux/arm64/9.0", "linux/arm/v7", "linux/arm/v6", "linux/arm/6", "linux/amd64/v1", "linux/amd64/v3", "linux/386/x",
		"", "nope", "/", "linux/", "/amd64", "linux//v8", "a/b/c/d", "linux/a b", "*", "linux/*", "lin\x00ux", "linux/amd64,linux/arm64", "../x",
	} {
		got, err := Parse(text)
		want, wantErr := platforms.Parse(text)
		if (text == "" || text == "/amd64") && err != nil {
			continue // there an empty system is this machine's; here nothing is no platform
		}
		if (err == nil) != (wantErr == nil) {
			t.Errorf("%q: %v, containerd says %v", text, err, wantErr)
			continue
		}
		if err == nil && (got.OS != want.OS || got.Architecture != want.Architecture || got.Variant != want.Variant) {
			t.Errorf("%q: %+v, containerd says %+v", text, got, want)
		}
		if err == nil && Format(got) != platforms.Format(want) {
			t.Errorf("%q is shown as %q, by containerd as %q", text, Format(got), platforms.Format(want))
		}
	}
}

func TestSeveralPlatformsBecomeSeveralQueries(t *testing.T) {
	got, err := Queries([]string{"linux/amd64,linux/arm64/v8", "linux/arm/v6"})
	want := []string{
		`{"architecture":"amd64","os":"linux"}`, `{"architecture":"arm64","os":"linux","variant":"v8"}`,
		`{"architecture":"arm","os":"linux","variant":"v6"}`,
	}
	if err != nil || len(got) != len(want) {
		t.Fatal(got, err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%s, want %s", got[i], want[i])
		}
	}
	if _, err := Queries([]string{"linux/amd64,"}); err == nil {
		t.Error("nothing counts as a platform")
	}
}

func FuzzPlatformsAreReadAsContainerdReadsThem(f *testing.F) {
	for _, seed := range []string{"linux/amd64", "armhf", "linux/arm64/v8", "a/b/c/d", "windows(10.0)/amd64", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Parse(text)
		want, wantErr := platforms.Parse(text)
		if err != nil {
			return // ours takes less: no versions and features of systems
		}
		if wantErr != nil || got.OS != want.OS || got.Architecture != want.Architecture || got.Variant != want.Variant {
			t.Errorf("%q: %+v, containerd says %+v, %v", text, got, want, wantErr)
		}
	})
}
