//go:build linux

package alike

import (
	"regexp"
	"testing"

	"berth/test/harness"
)

// TestNetworksAreAlikeOnBothDaemons has the stock client do the same with docker.io and with berthd.
func TestNetworksAreAlikeOnBothDaemons(t *testing.T) {
	t.Parallel()
	stock, ours := harness.StartStock(t), harness.Start(t)
	busybox := [2]string{stock.Busybox(t), ours.Busybox()}
	clients := [2]harness.Client{stock.Client(t, "docker"), ours.Client(t, "docker").Env("DOCKER_API_VERSION=1.41")}
	compareLines(t, networkLines, clients, busybox, []*regexp.Regexp{
		regexp.MustCompile(`\b[0-9a-f]{64}\b`), regexp.MustCompile(`\b[0-9a-f]{12}\b`),
		regexp.MustCompile(`(?m)^\d+: `), regexp.MustCompile(`10\.213\.[0-9.]*`), regexp.MustCompile(`\d{4}-\d\d-\d\d[T ][^"]*`), regexp.MustCompile(`(?i)\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b`),
	})
}

// networkLines are commands of the stock client; ~ is a space inside a word.
const networkLines = `
network ls
network ls --no-trunc --format {{.ID}}~{{.Name}}~{{.Driver}}~{{.Scope}}~{{.IPv6}}~{{.Internal}}~{{.Labels}}
network create --subnet 10.231.0.0/24 --label a=b one
network create --subnet 10.231.1.0/24 --ip-range 10.231.1.64/26 --gateway 10.231.1.3 --aux-address x=10.231.1.64 --internal two
network create one
network create --subnet 10.231.2.0/24 --gateway 10.9.9.9 bad
network create --subnet 10.231.2.0/24 --ip-range 10.9.9.0/28 bad
network create --subnet 10.231.2.0/24 --aux-address x=10.9.9.9 bad
network create --driver nope bad
network create --driver host bad
network create --driver null bad
network create host
network create bridge
network create none
network create -o com.docker.network.bridge.enable_icc=nonsense bad
network create --ipam-driver nope bad
network inspect -f {{.Name}}~{{.Internal}}~{{.Labels}}~{{(index~.IPAM.Config~0).Subnet}}~{{.Options}} one two
network inspect nothere
network ls --filter name=on --format {{.Name}}
network ls --filter label=a --format {{.Name}}
network ls --filter label=a=x --format {{.Name}}
network ls --filter type=custom --format {{.Name}}
network ls --filter type=builtin --format {{.Name}}
network ls --filter type=x
network ls --filter driver=bridge --format {{.Name}}
network ls --filter scope=local --format {{.Name}}
network ls --filter scope=swarm --format {{.Name}}
network ls --filter dangling=true --format {{.Name}}
network ls --filter dangling=false --format {{.Name}}
network ls --filter nonsense=x
create --name none --network none IMAGE sleep 1000
create --name host --network host IMAGE sleep 1000
create --name lost --network nothere IMAGE sleep 1000
create --name alias --network-alias x IMAGE true
run -d --name first --network one --ip 10.231.0.9 IMAGE sleep 1000
run -d --name second --network one --network-alias db IMAGE sleep 1000
run --name sharing -d --network container:first IMAGE sleep 1000
inspect -f {{range~$k,$v:=.NetworkSettings.Networks}}{{$k}}~{{$v.IPAddress}}/{{$v.IPPrefixLen}}~{{$v.Gateway}}~{{json~$v.IPAMConfig}}{{end}} first
inspect -f {{range~$k,$v:=.NetworkSettings.Networks}}{{$k}}~{{$v.IPAddress}}{{end}} none
network connect two first
network connect two first
network connect one first
network connect nothere first
network connect one nothere
network connect host first
network connect none first
network connect two none
network connect two host
network connect two sharing
network connect bridge first
network connect --ip 10.231.1.200 two second
network connect --ip 10.9.9.9 bridge second
network connect --alias x bridge second
exec first ip -4 -o addr show
exec second grep ^10 /etc/hosts
network rm bridge
network rm nothere
network disconnect nothere first
network disconnect bridge second
network disconnect two first
network disconnect two first
network disconnect none none
network disconnect two none
exec second ip -4 -o addr show
network disconnect two second
network connect two lost
inspect -f {{range~$k,$v:=.NetworkSettings.Networks}}{{$k}}~{{end}} lost
network disconnect two lost
network prune -f --filter label=nothing
rm -f first second sharing none host lost
network prune -f
network ls --format {{.Name}}
`
