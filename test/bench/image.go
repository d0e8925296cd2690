package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	berth "berth/internal/runtime"

	"github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// imageName is what the scenarios run: busybox, and a program that says when
// it began.
const imageName = "bench:latest"

// stampAMD64 is the code of /bin/stamp: it writes CLOCK_MONOTONIC in
// nanoseconds as 16 hexadecimal digits and a newline, and exits. Being 110
// bytes without a library, it says when the kernel reached the program.
//
//	sub $32,%rsp; clock_gettime(CLOCK_MONOTONIC, %rsp)
//	rax = sec*1e9 + nsec; 16 times: rol $4,%rax, next digit to 16(%rsp)...
//	write(1, 16(%rsp), 17); exit(0)
const stampAMD64 = "4883ec20b8e4000000bf010000004889e60f05488b04244869c000ca9a3b4803442408b910000000488d7c24104889fe48c1c00489c283e20f83c23083fa39" +
	"760383c227881748ffc7ffc975e3c6070ab801000000bf01000000ba110000000f05b83c00000031ff0f05"

// stampProgram wraps the code in the smallest ELF file; nil where there is none.
func stampProgram() []byte {
	if runtime.GOARCH != "amd64" {
		return nil
	}
	code, _ := hex.DecodeString(stampAMD64)
	const base, headers = 0x400000, 64 + 56
	var f bytes.Buffer
	le := func(width int, values ...uint64) {
		for _, v := range values {
			for i := range width {
				f.WriteByte(byte(v >> (8 * i)))
			}
		}
	}
	f.WriteString("\x7fELF\x02\x01\x01")
	f.Write(make([]byte, 9))
	le(2, 2, 62)                                                                       // ET_EXEC, EM_X86_64
	le(4, 1)                                                                           // version
	le(8, base+headers, 64, 0)                                                         // entry, program headers, no sections
	le(4, 0)                                                                           // flags
	le(2, 64, 56, 1, 64, 0, 0)                                                         // sizes and counts
	le(4, 1, 5)                                                                        // PT_LOAD, read and execute
	le(8, 0, base, base, headers+uint64(len(code)), headers+uint64(len(code)), 0x1000) // offset, addresses, sizes, alignment
	f.Write(code)
	return f.Bytes()
}

// rootTar is the root file system as a tar.
func rootTar() ([]byte, error) {
	var path string
	for _, candidate := range []string{"/usr/bin/busybox", "/bin/busybox"} {
		if _, err := os.Stat(candidate); err == nil {
			path = candidate
		}
	}
	if path == "" {
		return nil, fmt.Errorf("busybox is missing: install busybox-static")
	}
	busybox, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, dir := range strings.Fields("bin etc tmp proc sys dev root") {
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755, ModTime: time.Unix(0, 0)})
	}
	file := func(name string, data []byte, mode int64) {
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(data)), ModTime: time.Unix(0, 0)})
		w.Write(data)
	}
	file("bin/busybox", busybox, 0o755)
	file("bin/stamp", stampProgram(), 0o755)
	file("etc/passwd", []byte("root:x:0:0:root:/root:/bin/sh\n"), 0o644)
	file("etc/group", []byte("root:x:0:\n"), 0o644)
	for _, applet := range strings.Fields("sh true sleep cat echo ls yes head") {
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + applet, Linkname: "busybox", Mode: 0o777, ModTime: time.Unix(0, 0)})
	}
	return out.Bytes(), w.Close()
}

// bigTar is a layer of files files of size bytes, half of each random.
func bigTar(files, size int) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	random := rand.NewChaCha8([32]byte{1})
	data := make([]byte, size)
	for i := range files {
		random.Read(data[:size/2])
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("data/%02d/file%05d", i%40, i), Mode: 0o644, Size: int64(size), ModTime: time.Unix(0, 0)})
		w.Write(data)
	}
	return out.Bytes(), w.Close()
}

// archive packs layers as `docker save` does. Where there are packed ones they go in instead.
func archive(name string, layers, packed [][]byte) ([]byte, error) {
	var diffs, paths []string
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	file := func(name string, data []byte) {
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(data)), ModTime: time.Unix(0, 0)})
		w.Write(data)
	}
	for i, layer := range layers {
		sum := fmt.Sprintf("%x", sha256.Sum256(layer))
		diffs, paths = append(diffs, "sha256:"+sum), append(paths, sum+".tar")
		if packed != nil {
			layer = packed[i]
		}
		file(sum+".tar", layer)
	}
	config, err := json.Marshal(map[string]any{"architecture": runtime.GOARCH, "os": "linux", "config": map[string]any{"Cmd": []string{"sh"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffs}})
	if err != nil {
		return nil, err
	}
	configName := fmt.Sprintf("%x.json", sha256.Sum256(config))
	file(configName, config)
	manifest, err := json.Marshal([]map[string]any{{"Config": configName, "RepoTags": []string{name}, "Layers": paths}})
	if err != nil {
		return nil, err
	}
	file("manifest.json", manifest)
	return out.Bytes(), w.Close()
}

// makeImages writes the archives that the scenarios import and load.
func (b *bench) makeImages() error {
	base, err := rootTar()
	if err != nil {
		return err
	}
	files := 4000
	if b.quick {
		files = 1000
	}
	big, err := bigTar(files, 24<<10)
	if err != nil {
		return err
	}
	loadable, err := archive("big:loaded", [][]byte{base, big}, nil)
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{"image.tar": base, "big.tar": big, "load.tar": loadable} {
		if err := os.WriteFile(filepath.Join(b.dir, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// makeBundle lays out the image for a bare runtime: the same bundle for all,
// with what berth gives a container by default and limits as people set them.
func (b *bench) makeBundle(e *engine) error {
	e.bundle = filepath.Join(b.dir, e.name)
	if err := os.MkdirAll(e.bundle+"/rootfs", 0o755); err != nil {
		return err
	}
	if out, err := exec.Command("tar", "-C", e.bundle+"/rootfs", "-xf", b.dir+"/image.tar").CombinedOutput(); err != nil {
		return fmt.Errorf("tar: %s", out)
	}
	spec := berth.DefaultSpec(berth.Sandbox{})
	spec.Root = &specs.Root{Path: "rootfs"}
	spec.Process.Args, spec.Process.Env = []string{"/bin/stamp"}, []string{"PATH=/bin"}
	spec.Version, spec.Hostname = "1.0.2", "bench" // as old as the oldest peer
	spec.Linux.Resources.Devices = slices.DeleteFunc(spec.Linux.Resources.Devices, func(d specs.LinuxDeviceCgroup) bool {
		return !d.Allow && d.Type != "" // Debian's runc cannot take one device out of a wildcard
	})
	spec.Linux.CgroupsPath = "/" + b.stamp + "/" + e.name
	memory, pids, shares := int64(256<<20), int64(512), uint64(512)
	spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: &memory}
	spec.Linux.Resources.Pids = &specs.LinuxPids{Limit: &pids}
	spec.Linux.Resources.CPU = &specs.LinuxCPU{Shares: &shares}
	var err error
	if spec.Linux.Seccomp, err = seccomp.GetDefaultProfile(spec); err != nil {
		return err
	}
	data, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	return os.WriteFile(e.bundle+"/config.json", data, 0o644)
}
