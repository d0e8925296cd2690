package config

import "testing"

func TestARelabelThatChangesNothingIsToldWhereThereAreLabels(t *testing.T) {
	mounts := []Mount{{Target: "/a"}, {Target: "/b", Relabel: true}}
	if got := unlabelled(mounts, true); len(got) != 1 || got[0] != "Containers have no labels for SELinux here: the mount on /b is not relabelled." {
		t.Error(got)
	}
	if got := append(unlabelled(mounts, false), unlabelled(mounts[:1], true)...); got != nil {
		t.Error(got)
	}
}

func TestBindsAroundTheDaemonsRootAreSlavesUnlessTheUserSaysShared(t *testing.T) {
	for _, c := range []struct{ source, propagation, want, err string }{
		{"/", "", "rslave", ""}, {"/var/lib", "", "rslave", ""}, {"/var/lib/berth", "", "rslave", ""}, {"/var/lib/berth/volumes/x", "", "rslave", ""},
		{"/var/lib/berthelsen", "", "", ""}, {"/var/lib/b", "private", "private", ""}, {"/var/lib/berth", "rshared", "rshared", ""}, {"/var", "rslave", "rslave", ""},
		{"/var", "private", "", `invalid mount config: must use either propagation mode "rslave" or "rshared" when mount source is within the daemon root, daemon root: "/var/lib/berth", bind mount source: "/var", propagation: "private"`},
		{"/var/lib/berth/x", "slave", "", `invalid mount config: must use either propagation mode "rslave" or "rshared" when mount source is within the daemon root, daemon root: "/var/lib/berth", bind mount source: "/var/lib/berth/x", propagation: "slave"`},
	} {
		m := Mount{Type: "bind", Source: c.source, Propagation: c.propagation}
		err := AroundRoot(&m, "/var/lib/berth")
		if c.err != "" && (err == nil || err.Error() != c.err) || c.err == "" && (err != nil || m.Propagation != c.want) {
			t.Errorf("%+v: %q, %v", c, m.Propagation, err)
		}
	}
	volume := Mount{Type: "volume", Source: "/"}
	if err := AroundRoot(&volume, "/var/lib/berth"); err != nil || volume.Propagation != "" {
		t.Error(volume, err)
	}
}
