package grammar_test

import (
	"encoding/json"
	"testing"

	"berth/internal/fault"
	"berth/internal/server/grammar"
)

func TestNoWordOfACreateAddsALineToTheContainersFiles(t *testing.T) {
	for _, body := range []string{
		`{"Hostname":"a\n6.6.6.6 bank"}`,
		`{"Domainname":"a\r"}`,
		`{"HostConfig":{"ExtraHosts":["a\n6.6.6.6\tbank:1.2.3.4"]}}`,
		`{"HostConfig":{"ExtraHosts":["a:fe80::1%x\n6.6.6.6 bank"]}}`,
		`{"HostConfig":{"DnsSearch":["a\nnameserver 6.6.6.6"]}}`,
		`{"HostConfig":{"DnsOptions":["a\nnameserver 6.6.6.6"]}}`,
	} {
		var b grammar.Body
		if err := json.Unmarshal([]byte(body), &b); err != nil {
			t.Fatal(err)
		}
		if _, err := grammar.Create(&b); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", body, err)
		}
	}
}
