package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// peerPackages are Debian's packages of the peers, and the few libraries that
// a machine may lack. They are unpacked below the cache and never installed, so
// that the system's own docker client and runtimes stay as they are.
var peerPackages = strings.Fields("docker.io containerd runc podman conmon crun libsubid4 netavark")

// fetchPeers unpacks the peers where they are not yet. What cannot be had is
// left out: its engine is then reported as absent.
func (o *options) fetchPeers() error {
	root := filepath.Join(o.cache, "root")
	debs := filepath.Join(o.cache, "debs")
	if err := os.MkdirAll(debs, 0o755); err != nil {
		return err
	}
	for _, name := range peerPackages {
		mark := filepath.Join(root, "unpacked", name)
		if _, err := os.Stat(mark); err == nil {
			continue
		}
		if err := unpack(name, debs, root); err != nil {
			fmt.Fprintf(os.Stderr, "bench: %s: %v\n", name, err)
			continue
		}
		if err := os.MkdirAll(filepath.Dir(mark), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(mark, nil, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func unpack(name, debs, root string) error {
	found, _ := filepath.Glob(filepath.Join(debs, name+"_*.deb"))
	if len(found) == 0 {
		// As root, apt insists on telling that it could not drop privileges.
		cmd := exec.Command("apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", name)
		cmd.Dir = debs
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("cannot be downloaded: %s", strings.TrimSpace(string(out)))
		}
		found, _ = filepath.Glob(filepath.Join(debs, name+"_*.deb"))
	}
	if len(found) == 0 {
		return fmt.Errorf("cannot be downloaded")
	}
	if out, err := exec.Command("dpkg-deb", "-x", found[len(found)-1], root).CombinedOutput(); err != nil {
		return fmt.Errorf("cannot be unpacked: %s", out)
	}
	return nil
}
