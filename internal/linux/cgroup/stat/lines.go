package stat

import (
	"strconv"
	"strings"
)

// blockV1 prefers the counters of the throttling layer, which all of a group's traffic passes; kernels
// before 5.0 may only have the scheduler's.
func blockV1(dir string) Block {
	var b Block
	for _, from := range []string{"blkio.throttle.", "blkio.bfq.", "blkio."} {
		bytes, ops := file(dir, from+"io_service_bytes_recursive"), file(dir, from+"io_serviced_recursive")
		if bytes != "" || ops != "" {
			b.Bytes, b.Ops = devices(bytes), devices(ops)
		}
		if b.Bytes != nil || b.Ops != nil {
			return b
		}
	}
	return b
}

// devices reads lines of "8:0 Read 4096"; "Total 4096" is left out.
func devices(text string) []Device {
	var out []Device
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) == 3 {
			if d, ok := device(f[0], f[1], f[2]); ok {
				out = append(out, d)
			}
		}
	}
	return out
}

func device(id, op, value string) (Device, bool) {
	major, minor, ok := strings.Cut(id, ":")
	d := Device{Op: op}
	for to, text := range map[*uint64]string{&d.Major: major, &d.Minor: minor, &d.Value: value} {
		n, err := strconv.ParseUint(text, 10, 64)
		*to, ok = n, ok && err == nil
	}
	return d, ok
}

// blockV2 reads lines of "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6", among which
// others may stand ("cost.usage=7"), or nothing.
func blockV2(dir string) Block {
	var b Block
	for line := range strings.Lines(file(dir, "io.stat")) {
		f := strings.Fields(line)
		for _, field := range f[min(1, len(f)):] {
			key, value, _ := strings.Cut(field, "=")
			to, op := &b.Bytes, ""
			switch key {
			case "rbytes", "rios":
				op = "Read"
			case "wbytes", "wios":
				op = "Write"
			case "dbytes", "dios":
				op = "Discard"
			default:
				continue
			}
			if strings.HasSuffix(key, "ios") {
				to = &b.Ops
			}
			if d, ok := device(f[0], op, value); ok {
				*to = append(*to, d)
			}
		}
	}
	return b
}

// rdma reads lines of "mlx5_1 hca_handle=2 hca_object=max".
func rdma(current, limit string) map[string]RDMA {
	out := map[string]RDMA{}
	each := func(text string, set func(d *RDMA, handles, objects uint64)) {
		for line := range strings.Lines(text) {
			f := strings.Fields(line)
			if len(f) < 2 {
				continue
			}
			n := map[string]uint64{}
			for _, field := range f[1:] {
				key, value, _ := strings.Cut(field, "=")
				n[key] = parse(value)
			}
			d := out[f[0]]
			set(&d, n["hca_handle"], n["hca_object"])
			out[f[0]] = d
		}
	}
	each(current, func(d *RDMA, handles, objects uint64) { d.Handles, d.Objects = handles, objects })
	each(limit, func(d *RDMA, handles, objects uint64) { d.HandleLimit, d.ObjectLimit = handles, objects })
	return out
}

// pressure reads two lines of "some avg10=0.00 avg60=0.00 avg300=0.00 total=0". Reading fails where
// the kernel was told not to look.
func pressure(text string) Pressure {
	var p Pressure
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		to := map[string]*Stall{"some": &p.Some, "full": &p.Full}[f[0]]
		if to == nil {
			continue
		}
		p.Counted = true
		for _, field := range f[1:] {
			key, value, _ := strings.Cut(field, "=")
			share, err := strconv.ParseFloat(value, 64)
			if err != nil || !(share >= 0 && share <= 100) { // NaN is not in between
				share = 0
			}
			switch key {
			case "avg10":
				to.Avg10 = share
			case "avg60":
				to.Avg60 = share
			case "avg300":
				to.Avg300 = share
			case "total":
				to.Total = parse(value)
			}
		}
	}
	return p
}
