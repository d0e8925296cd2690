# berth: see README.md. Every target works from a fresh clone with Go and apt.

PREFIX  ?= /usr/local
BIN     := bin
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X berth/internal/version.Version=$(VERSION)
GOBUILD := CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)'
EMBEDDED := internal/image/embedded/hello

.PHONY: run build test test-unit test-integration test-vm lint bench install clean deps

run: build
	@scripts/run

build: $(BIN)/berth $(BIN)/berthd $(BIN)/berth-keeper $(BIN)/berth-runtime $(BIN)/berth-registry

# The program of the embedded image is compiled into berthd, so it comes first.
$(EMBEDDED): FORCE
	@CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o $@ ./cmd/hello

$(BIN)/berthd: $(EMBEDDED) FORCE
	$(GOBUILD) -o $@ ./cmd/berthd

# The client speaks HTTP/1.1 only, and HTTP/2 would be a twenty-fifth of it. Nothing is inlined:
# that makes it a tenth smaller, and no slower to start.
$(BIN)/berth: FORCE
	$(GOBUILD) -tags nethttpomithttp2 -gcflags=all=-l -o $@ ./cmd/berth

$(BIN)/berth-keeper: FORCE
	$(GOBUILD) -o $@ ./cmd/berth-keeper

$(BIN)/berth-runtime: FORCE
	$(GOBUILD) -o $@ ./cmd/berth-runtime

$(BIN)/berth-registry: FORCE
	$(GOBUILD) -o $@ ./cmd/berth-registry

FORCE:

# What the tests need from the distribution, installed only where missing.
deps:
	@scripts/deps

test: deps build
	@scripts/test

test-unit: build
	@scripts/test unit

test-integration: deps build
	@scripts/test integration

test-vm: deps build
	@scripts/test vm

lint: $(EMBEDDED)
	@scripts/lint

bench: deps build
	@scripts/bench

install: build
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/systemd/system
	install -m 755 $(BIN)/berth $(BIN)/berthd $(BIN)/berth-keeper $(BIN)/berth-runtime $(BIN)/berth-registry $(DESTDIR)$(PREFIX)/bin/
	for unit in berth.service berth-keeper.service berth.socket; do \
		sed 's|@PREFIX@|$(PREFIX)|g' contrib/systemd/$$unit > $(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit; done

clean:
	rm -rf $(BIN) $(EMBEDDED)
