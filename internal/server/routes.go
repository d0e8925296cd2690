package server

import (
	"berth/internal/server/backups"
	"berth/internal/server/lines"
)

// route is one endpoint. A nil handle means that it is known and not done yet: 501.
type route struct {
	method string
	path   string // as in the swagger; {x} may hold slashes
	handle func(*call) error

	before, after string // the fixed parts around {x}
	middle        string // between {x} and {y}, which ends the path and holds no slash; "" without one
}

// table is every endpoint of the Engine API.
func table(cfg *Config, life *lifetime) []route {
	containers := containerRoutes{containers: cfg.Containers, changes: cfg.Changes, streams: cfg.Streams, images: cfg.Images, volumeDir: cfg.VolumeDir, layerSize: cfg.LayerSize, life: life, lines: lines.New()}
	changes, execs := changeRoutes{changes: cfg.Changes, layerSize: cfg.LayerSize}, execRoutes{execs: cfg.Execs, life: life}
	files, images, transfers := fileRoutes{files: cfg.Files}, imageRoutes{images: cfg.Images, store: cfg.ImageStore, containers: cfg.Containers, transfers: transferRoutes{cfg.Transfers}}, transferRoutes{cfg.Transfers}
	system, volumes, networks, snapshots := systemRoutes{system: cfg.System, events: cfg.Events, images: cfg.Images, containers: cfg.Containers, version: cfg.Version, commit: cfg.GitCommit, built: cfg.BuildTime}, volumeRoutes{cfg.Volumes, cfg.Containers}, networkRoutes{cfg.Networks, cfg.Containers, cfg.Attachments}, snapshotServices{cfg.VolumeSnapshots, cfg.ContainerSnapshots, cfg.Volumes, cfg.Containers}
	return []route{
		{method: "GET", path: "/containers/json", handle: containers.list},
		{method: "POST", path: "/containers/create", handle: containers.create},
		{method: "GET", path: "/containers/{id}/json", handle: containers.inspect},
		{method: "GET", path: "/containers/{id}/logs", handle: containers.logs},
		{method: "POST", path: "/containers/{id}/resize", handle: containers.resize},
		{method: "POST", path: "/containers/{id}/start", handle: containers.start},
		{method: "POST", path: "/containers/{id}/stop", handle: containers.stop},
		{method: "POST", path: "/containers/{id}/kill", handle: containers.kill},
		{method: "POST", path: "/containers/{id}/attach", handle: containers.attach},
		{method: "GET", path: "/containers/{id}/attach/ws", handle: containers.attachWS},
		{method: "POST", path: "/containers/{id}/wait", handle: containers.wait},
		{method: "POST", path: "/containers/{id}/restart", handle: changes.restart},
		{method: "POST", path: "/containers/{id}/rename", handle: changes.rename},
		{method: "POST", path: "/containers/{id}/pause", handle: changes.pause},
		{method: "POST", path: "/containers/{id}/unpause", handle: changes.unpause},
		{method: "POST", path: "/containers/prune", handle: changes.prune},
		{method: "DELETE", path: "/containers/{id}", handle: containers.remove},
		{method: "GET", path: "/images/json", handle: images.list},
		{method: "POST", path: "/images/create", handle: images.create},
		{method: "POST", path: "/images/{name}/push", handle: transfers.push},
		{method: "GET", path: "/images/search", handle: transfers.search},
		{method: "GET", path: "/distribution/{name}/json", handle: transfers.lookup},
		{method: "GET", path: "/images/{name}/json", handle: images.inspect},
		{method: "POST", path: "/images/{name}/tag", handle: images.tag},
		{method: "DELETE", path: "/images/{name}", handle: images.remove},
		{method: "GET", path: "/images/{name}/history", handle: images.history},
		{method: "GET", path: "/images/{name}/attestations", handle: images.attestations},
		{method: "GET", path: "/images/{name}/get", handle: images.save},
		{method: "GET", path: "/images/get", handle: images.save},
		{method: "POST", path: "/images/prune", handle: images.prune},
		{method: "POST", path: "/images/{name}/protect", handle: images.protect},     // berth's own
		{method: "POST", path: "/images/{name}/unprotect", handle: images.unprotect}, // berth's own
		{method: "GET", path: "/events", handle: eventRoutes{cfg.Events, life}.follow},
		{method: "GET", path: "/containers/{id}/explain", handle: explainRoutes{cfg.Explain}.explain}, // berth's own
		{method: "GET", path: "/system/df", handle: diskRoutes{containers, cfg.Volumes, snapshots, cfg.Trash}.usage},
		{method: "POST", path: "/auth", handle: authRoutes{cfg.Logins}.check},
		{method: "GET", path: "/info", handle: system.info},
		{method: "GET", path: "/version", handle: system.versions},
		{method: "GET", path: "/_ping", handle: system.ping},
		{method: "HEAD", path: "/_ping", handle: system.ping},
		{method: "POST", path: "/images/load", handle: images.load},
		{method: "POST", path: "/containers/{id}/exec", handle: execs.create},
		{method: "POST", path: "/exec/{id}/start", handle: execs.start},
		{method: "POST", path: "/exec/{id}/resize", handle: execs.resize},
		{method: "GET", path: "/exec/{id}/json", handle: execs.inspect},
		{method: "GET", path: "/containers/{id}/stats", handle: usageRoutes{cfg.Usage, life}.stats},
		{method: "POST", path: "/containers/{id}/update", handle: changes.update},
		{method: "GET", path: "/containers/{id}/top", handle: usageRoutes{cfg.Usage, life}.top},
		{method: "GET", path: "/containers/{id}/changes", handle: files.changes},
		{method: "GET", path: "/containers/{id}/export", handle: files.export},
		{method: "HEAD", path: "/containers/{id}/archive", handle: files.stat},
		{method: "GET", path: "/containers/{id}/archive", handle: files.get},
		{method: "PUT", path: "/containers/{id}/archive", handle: files.put},
		{method: "POST", path: "/commit", handle: files.commit},
		{method: "GET", path: "/volumes", handle: volumes.list},
		{method: "POST", path: "/volumes/create", handle: volumes.create},
		{method: "GET", path: "/volumes/{name}", handle: volumes.inspect},
		{method: "PUT", path: "/volumes/{name}", handle: volumes.update},
		{method: "DELETE", path: "/volumes/{name}", handle: volumes.remove},
		{method: "POST", path: "/volumes/prune", handle: volumes.prune},
		{method: "GET", path: "/networks", handle: networks.list},
		{method: "GET", path: "/networks/{id}", handle: networks.inspect},
		{method: "DELETE", path: "/networks/{id}", handle: networks.remove},
		{method: "POST", path: "/networks/create", handle: networks.create},
		{method: "POST", path: "/networks/prune", handle: networks.prune},
		{method: "POST", path: "/networks/{id}/connect", handle: networks.connect},
		{method: "POST", path: "/networks/{id}/disconnect", handle: networks.disconnect},

		// Berth's own.
		{method: "GET", path: "/trash/volumes", handle: trashRoutes{cfg.Trash}.list},
		{method: "POST", path: "/trash/volumes/empty", handle: trashRoutes{cfg.Trash}.empty},
		{method: "POST", path: "/trash/volumes/{name}/restore", handle: trashRoutes{cfg.Trash}.restore},
		{method: "POST", path: "/volumes/{name}/rename", handle: trashRoutes{cfg.Trash}.rename},
		{method: "POST", path: "/volumes/{name}/protect", handle: trashRoutes{cfg.Trash}.protect(true)},
		{method: "POST", path: "/volumes/{name}/unprotect", handle: trashRoutes{cfg.Trash}.protect(false)},
		{method: "GET", path: "/snapshots", handle: snapshots.all},
		{method: "POST", path: "/volumes/{name}/snapshots", handle: snapshots.ofVolume(snapshotRoutes.take)},
		{method: "GET", path: "/volumes/{name}/snapshots", handle: snapshots.ofVolume(snapshotRoutes.list)},
		{method: "GET", path: "/volumes/{name}/snapshots/{snapshot}", handle: snapshots.ofVolume(snapshotRoutes.inspect)},
		{method: "DELETE", path: "/volumes/{name}/snapshots/{snapshot}", handle: snapshots.ofVolume(snapshotRoutes.remove)},
		{method: "POST", path: "/volumes/{name}/rollback", handle: snapshots.ofVolume(snapshotRoutes.rollback)},
		{method: "POST", path: "/volumes/{name}/clone", handle: snapshots.clone},
		{method: "GET", path: "/volumes/{name}/export", handle: backed(backups.Routes{Backups: cfg.Backups}.Export)},
		{method: "POST", path: "/volumes/{name}/import", handle: backed(backups.Routes{Backups: cfg.Backups}.Import)},
		{method: "POST", path: "/volumes/{name}/backup", handle: backed(backups.Routes{Backups: cfg.Backups}.Make)},
		{method: "GET", path: "/backups", handle: backed(backups.Routes{Backups: cfg.Backups}.List)},
		{method: "POST", path: "/backups/restore", handle: backed(backups.Routes{Backups: cfg.Backups}.Restore)},
		{method: "POST", path: "/backups/prune", handle: backed(backups.Routes{Backups: cfg.Backups}.Prune)},
		{method: "POST", path: "/containers/{id}/snapshots", handle: snapshots.ofContainer(snapshotRoutes.take)},
		{method: "GET", path: "/containers/{id}/snapshots", handle: snapshots.ofContainer(snapshotRoutes.list)},
		{method: "GET", path: "/containers/{id}/snapshots/{snapshot}", handle: snapshots.ofContainer(snapshotRoutes.inspect)},
		{method: "DELETE", path: "/containers/{id}/snapshots/{snapshot}", handle: snapshots.ofContainer(snapshotRoutes.remove)},
		{method: "POST", path: "/containers/{id}/rollback", handle: snapshots.ofContainer(snapshotRoutes.rollback)},

		// Known, and answered 501 for now.
		{method: "POST", path: "/build"},
		{method: "POST", path: "/build/prune"},
		{method: "GET", path: "/plugins"},
		{method: "GET", path: "/plugins/privileges"},
		{method: "POST", path: "/plugins/pull"},
		{method: "GET", path: "/plugins/{name}/json"},
		{method: "DELETE", path: "/plugins/{name}"},
		{method: "POST", path: "/plugins/{name}/enable"},
		{method: "POST", path: "/plugins/{name}/disable"},
		{method: "POST", path: "/plugins/{name}/upgrade"},
		{method: "POST", path: "/plugins/create"},
		{method: "POST", path: "/plugins/{name}/push"},
		{method: "POST", path: "/plugins/{name}/set"},
		{method: "GET", path: "/nodes"},
		{method: "GET", path: "/nodes/{id}"},
		{method: "DELETE", path: "/nodes/{id}"},
		{method: "POST", path: "/nodes/{id}/update"},
		{method: "GET", path: "/swarm"},
		{method: "POST", path: "/swarm/init"},
		{method: "POST", path: "/swarm/join"},
		{method: "POST", path: "/swarm/leave"},
		{method: "POST", path: "/swarm/update"},
		{method: "GET", path: "/swarm/unlockkey"},
		{method: "POST", path: "/swarm/unlock"},
		{method: "GET", path: "/services"},
		{method: "POST", path: "/services/create"},
		{method: "GET", path: "/services/{id}"},
		{method: "DELETE", path: "/services/{id}"},
		{method: "POST", path: "/services/{id}/update"},
		{method: "GET", path: "/services/{id}/logs"},
		{method: "GET", path: "/tasks"},
		{method: "GET", path: "/tasks/{id}"},
		{method: "GET", path: "/tasks/{id}/logs"},
		{method: "GET", path: "/secrets"},
		{method: "POST", path: "/secrets/create"},
		{method: "GET", path: "/secrets/{id}"},
		{method: "DELETE", path: "/secrets/{id}"},
		{method: "POST", path: "/secrets/{id}/update"},
		{method: "GET", path: "/configs"},
		{method: "POST", path: "/configs/create"},
		{method: "GET", path: "/configs/{id}"},
		{method: "DELETE", path: "/configs/{id}"},
		{method: "POST", path: "/configs/{id}/update"},
		{method: "POST", path: "/session"},
		{method: "POST", path: "/grpc"},
	}
}
