//go:build linux

package main

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// wanted are the modules of a host that runs containers. There is no modprobe
// in the machine: what is missing here is missing there.
const wanted = `virtio_pci virtio_blk virtio_rng
overlay fuse loop xfs quota_v2
bridge br_netfilter veth dummy vxlan macvlan ipvlan tun
nf_tables nf_conntrack nf_conntrack_netlink nf_nat
nft_chain_nat nft_compat nft_connlimit nft_ct nft_fib_inet nft_fib_ipv4 nft_fib_ipv6 nft_hash nft_limit nft_log
nft_masq nft_nat nft_numgen nft_objref nft_queue nft_quota nft_redir nft_reject_inet nft_reject_ipv4 nft_reject_ipv6
nft_socket nft_synproxy nft_tproxy nf_reject_ipv4 nf_reject_ipv6 nf_log_syslog
af_packet_diag unix_diag inet_diag tcp_diag udp_diag raw_diag netlink_diag`

// modules orders modules so that each comes after those that it needs.
type modules struct {
	files   map[string]string // name (with underscores) → path
	builtin map[string]bool
	order   []string // paths
	done    map[string]bool
}

// loadOrder lists the files of the wanted modules and of all that they need,
// in the order in which they can be loaded.
func loadOrder(dir string) ([]string, error) {
	m := modules{files: map[string]string{}, builtin: map[string]bool{}, done: map[string]bool{}}
	err := filepath.WalkDir(dir+"/kernel", func(p string, d fs.DirEntry, err error) error {
		if strings.HasSuffix(p, ".ko") {
			m.files[moduleName(p)] = p
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	list, err := os.ReadFile(dir + "/modules.builtin")
	if err != nil {
		return nil, err
	}
	for _, p := range strings.Fields(string(list)) {
		m.builtin[moduleName(p)] = true
	}
	for _, name := range strings.Fields(wanted) {
		if err := m.add(name); err != nil {
			return nil, err
		}
	}
	return m.order, nil
}

func moduleName(path string) string {
	return strings.ReplaceAll(strings.TrimSuffix(filepath.Base(path), ".ko"), "-", "_")
}

func (m *modules) add(name string) error {
	if m.done[name] || m.builtin[name] {
		return nil
	}
	m.done[name] = true
	path, ok := m.files[name]
	if !ok {
		return fmt.Errorf("the kernel package has no module %s", name)
	}
	needs, err := needs(path)
	if err != nil {
		return err
	}
	for _, n := range needs {
		if err := m.add(n); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	m.order = append(m.order, path)
	return nil
}

// needs reads a module's own list of the modules that it needs: the "depends"
// of its .modinfo section, strings that end with NUL.
func needs(path string) ([]string, error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer f.Close()
	section := f.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("%s is not a module", path)
	}
	info, err := section.Data()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var list []string
	for entry := range bytes.SplitSeq(info, []byte{0}) {
		if names, ok := strings.CutPrefix(string(entry), "depends="); ok {
			list = append(list, strings.FieldsFunc(names, func(r rune) bool { return r == ',' })...)
		}
	}
	for i, name := range list {
		list[i] = strings.ReplaceAll(name, "-", "_")
	}
	return slices.Compact(list), nil
}
