//go:build linux

package alike

import (
	"strings"
	"testing"
)

func TestWhatIsWrongWithANewContainerIsToldAlike(t *testing.T) {
	t.Parallel()
	eachDaemon(t, func(p pair) {
		for _, flags := range []string{
			"--cpu-count 1", "--cpu-percent 1", "--io-maxbandwidth 1", "--io-maxiops 1", "--mac-address x", "--link a:b:c", "--device-cgroup-rule x",
			"--blkio-weight x", "--blkio-weight-device /x:1", "--blkio-weight-device /dev/x:5000", "--device-read-bps /dev/x:y", "--device-read-bps /dev/x",
			"--device-read-iops /dev/x:y", "--device-write-bps /dev/x:-1", "--gpus x", "--gpus a=b", "--gpus count=1,count=2", "--health-interval -1s",
			"--health-cmd x --no-healthcheck", "--health-interval x", "--health-retries -1", "--health-start-period -1s", "--log-driver none --log-opt a=b",
			"--memory-swappiness 200", "--restart always --rm", "--restart on-failure:x", "--restart :1", "--storage-opt x", "--userns foo", "--network-alias x",
			"--network name=c,alias=d --network-alias e", "--mac-address 02:42:ac:11:00:99 --network name=a,mac-address=02:42:ac:11:00:98",
			"--ip 1.2.3.4 --network name=a,ip=1.2.3.4", "--network a --network a", "--network bridge --network a", "--pid x", "--uts x", "--cgroupns x",
			"--security-opt x", "--sysctl x=1", "--ulimit x", "--memory x", "--cpus x", "-p x", "--expose x", "--expose /udp", "--expose 2-1", "--expose 1-x", "--expose 99999", "--expose 1:2", "--mount x", "--env-file /nonexistent", "--label =x",
			"--add-host x", "--dns x", "--tmpfs", "--nonsense", "--attach x", "--stop-timeout x", "--device a:b:c:d", "--pull x", "--cidfile /nonexistent/x",
		} {
			p.same(append(append([]string{"create"}, strings.Fields(flags)...), p.busybox)...)
		}
		for _, line := range []string{"create", "create UPPER", "create --volumes-from nope " + p.busybox, "create --restart bad " + p.busybox, "create -h"} {
			if line != "create -h" { // a help text is our own
				p.same(strings.Fields(line)...)
			}
		}
	})
}

func TestContainersOfEveryFlagAreMadeAlike(t *testing.T) {
	t.Parallel()
	eachDaemon(t, func(p pair) {
		for _, flags := range []string{
			"--restart on-failure:3", "--init", "--log-driver none", "--log-opt max-size=1m --log-opt max-file=2", "--health-cmd true --health-interval 1s --health-retries 2",
			"--no-healthcheck", "--gpus 2", "--oom-kill-disable -m 64m", "--memory-swappiness 5 -m 64m", "--device-read-bps /dev/null:1m --device-write-iops /dev/null:5",
			"--userns host", "--isolation default", "--volume-driver local -v MINE:/v", "--ip 10.1.2.3", "--link-local-ip 169.254.1.1", "--device-cgroup-rule c${IFS}1:*${IFS}r",
			"--blkio-weight 20", "--cpu-shares 5 --cpuset-cpus 0", "--group-add 5 --stop-signal INT --stop-timeout 3",
		} {
			p.each(flags, func(c *turn) {
				args := strings.Fields(strings.ReplaceAll(flags, "MINE", c.mine))
				for i := range args {
					args[i] = strings.ReplaceAll(args[i], "${IFS}", " ")
				}
				c.run(append(append([]string{"create", "--name", c.mine}, args...), p.busybox)...)
				c.run("inspect", c.mine)
				c.run("rm", "-v", c.mine)
			}, `"Created": .*`)
		}
	})
}
