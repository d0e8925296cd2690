package fields

func limitRows() []Row {
	const blocks = "TestLimitsOfBlockDevicesReachTheControlGroup"
	return []Row{
		honoured("HostConfig.CpuShares", "2 to 262144; a weight on version 2"),
		honoured("HostConfig.Memory", "bytes, at least 6 MiB"),
		honoured("HostConfig.NanoCpus", "0.01 CPUs at least, as a quota"),
		honoured("HostConfig.CgroupParent", "where the container's control group lies"),
		honoured("HostConfig.BlkioWeight", "10 to 1000; discarded with a warning where nothing weighs").by(blocks),
		honoured("HostConfig.BlkioWeightDevice", "of block devices by their paths; discarded with a warning where nothing weighs").by(blocks),
		honoured("HostConfig.BlkioDeviceReadBps", "of block devices by their paths").by(blocks),
		honoured("HostConfig.BlkioDeviceWriteBps", "of block devices by their paths").by(blocks),
		honoured("HostConfig.BlkioDeviceReadIOps", "of block devices by their paths").by(blocks),
		honoured("HostConfig.BlkioDeviceWriteIOps", "of block devices by their paths").by(blocks),
		honoured("HostConfig.CpuPeriod", "1 ms to 1 s, in microseconds"),
		honoured("HostConfig.CpuQuota", "at least 1 ms, in microseconds"),
		honoured("HostConfig.CpuRealtimePeriod", "microseconds; version 1 only, where the kernel has it"),
		honoured("HostConfig.CpuRealtimeRuntime", "microseconds, as far as the groups above have some; version 1 only").by("TestLimitsBecomeDockersControlGroupValues"),
		honoured("HostConfig.CpusetCpus", "a list of CPUs that the host has"),
		honoured("HostConfig.CpusetMems", "a list of memory nodes that the host has"),
		honoured("HostConfig.MemoryReservation", "bytes, at least 6 MiB"),
		honoured("HostConfig.MemorySwap", "bytes, memory included; twice the memory by itself, -1 for no limit"),
		honoured("HostConfig.MemorySwappiness", "0 to 100; version 2 has none: discarded with a warning"),
		honoured("HostConfig.OomKillDisable", "version 2 has none: discarded with a warning; without a limit on memory there is a warning, too"),
		honoured("HostConfig.PidsLimit", "0 and less is no limit"),
		honoured("HostConfig.Ulimits", "each once; -1 is no limit"),
		honoured("HostConfig.OomScoreAdj", "-1000 to 1000"),
		honoured("HostConfig.ShmSize", "bytes of /dev/shm, 64 MiB by itself"),
		refused("HostConfig.CpuCount", "Windows'", `{"HostConfig":{"CpuCount":1}}`, "HostConfig.CPUCount is not supported yet"),
		refused("HostConfig.CpuPercent", "Windows'", `{"HostConfig":{"CpuPercent":1}}`, "HostConfig.CPUPercent is not supported yet"),
		refused("HostConfig.IOMaximumIOps", "Windows'", `{"HostConfig":{"IOMaximumIOps":1}}`, "Invalid QoS settings: linux does not support configuration of maximum IOPs"),
		refused("HostConfig.IOMaximumBandwidth", "Windows'", `{"HostConfig":{"IOMaximumBandwidth":1}}`, "Invalid QoS settings: linux does not support configuration of maximum bandwidth"),
	}
}

func rightRows() []Row {
	return []Row{
		honoured("HostConfig.Devices", "a device of the host's, or a directory of them, anywhere in the container"),
		honoured("HostConfig.DeviceCgroupRules", "what may be done with further devices"),
		refused("HostConfig.DeviceRequests", "there is no device driver", `{"HostConfig":{"DeviceRequests":[{"Driver":"nvidia","Count":-1,"Capabilities":[["gpu"]]}]}}`,
			`could not select device driver "nvidia" with capabilities: [[gpu]]`),
		honoured("HostConfig.CapAdd", "with or without CAP_, in any case; ALL"),
		honoured("HostConfig.CapDrop", "with or without CAP_, in any case; ALL"),
		honoured("HostConfig.GroupAdd", "names or numbers"),
		honoured("HostConfig.Privileged", "all rights, all devices, nothing masked"),
		honoured("HostConfig.ReadonlyRootfs", "nothing but the container's own mounts can be written to"),
		honoured("HostConfig.SecurityOpt", "no-new-privileges, seccomp (a profile's JSON, unconfined, builtin), apparmor (a loaded profile), label=disable, systempaths=unconfined, writable-cgroups; a warning where the host lacks the module"),
		honoured("HostConfig.Sysctls", "of the namespaces that the container has for itself"),
		honoured("HostConfig.MaskedPaths", "in the place of the default list"),
		honoured("HostConfig.ReadonlyPaths", "in the place of the default list"),
		honoured("HostConfig.Umask", "of the first process"),
	}
}

func namespaceRows() []Row {
	return []Row{
		honoured("HostConfig.CgroupnsMode", "private, host"),
		honoured("HostConfig.IpcMode", "none, private, shareable, host, container:<id>"),
		honoured("HostConfig.PidMode", "host, container:<id>"),
		honoured("HostConfig.UTSMode", "host"),
		honoured("HostConfig.UsernsMode", "host, which it is anyway: users are not remapped"),
	}
}

func mountRows() []Row {
	const (
		m       = "HostConfig.Mounts."
		below   = "TestBindsTakeWhatIsBelowThemAsTheirOptionsSay"
		volumes = "TestAMountMakesAVolumeWithItsLabelsAndOptions"
	)
	return []Row{
		honoured("HostConfig.Binds", "source:target[:ro|rw, z|Z, a propagation, nocopy]; z and Z relabel for SELinux, which has no labels here"),
		honoured("HostConfig.Tmpfs", "options as of mount(8)"),
		honoured("HostConfig.VolumesFrom", "container[:ro|rw]").by("TestVolumesOfAnotherContainerAreTakenOver"),
		honoured("HostConfig.VolumeDriver", "local, or a plugin's name; of -v and of an image's volumes").by("TestVolumePluginsAreAlikeOnBothDaemons"),
		honoured(m+"Type", "bind, volume, tmpfs, image; cluster is refused"),
		honoured(m+"Source", "a path of the host's, or the name of a volume or an image"),
		honoured(m+"Target", "an absolute path"),
		honoured(m+"ReadOnly", "with all that is mounted below"),
		kept(m+"Consistency", "for Docker Desktop; not shown").by(below),
		honoured(m+"BindOptions.Propagation", "as far as the source's mount can").by("TestMountsPropagateAsFarAsTheyAreAskedTo"),
		honoured(m+"BindOptions.NonRecursive", "without what is mounted below").by(below),
		honoured(m+"BindOptions.CreateMountpoint", "a missing source is made").by(below),
		honoured(m+"BindOptions.ReadOnlyNonRecursive", "what is mounted below stays writable").by(below),
		honoured(m+"BindOptions.ReadOnlyForceRecursive", "as ReadOnly by itself: the start fails where it cannot be").by(below),
		honoured(m+"BindOptions.IDMapping", "match-user: the source's owner is the container's user, or the named one; userns needs remapped users, which there are none of").by("TestFilesOfAMappedBindAreTheContainersUsersInsideAndTheirOwnersOnTheHost"),
		honoured(m+"VolumeOptions.NoCopy", "a new volume stays empty"),
		honoured(m+"VolumeOptions.Labels", "of a volume that the create makes").by(volumes),
		honoured(m+"VolumeOptions.Subpath", "a part of a volume; no link leads out of it").by("TestAPartOfAVolumeIsMountedAndNoLinkLeadsOutOfIt"),
		honoured(m+"VolumeOptions.DriverConfig", "local with type, device and o, or a plugin with its own options").by(volumes),
		honoured(m+"ImageOptions.Subpath", "a part of the image; no link leads out of it").by("TestAnImageIsMountedReadOnlyAndKeptForAsLongAsItIs"),
		honoured(m+"TmpfsOptions.SizeBytes", "of the tmpfs"),
		honoured(m+"TmpfsOptions.Mode", "of the tmpfs"),
		honoured(m+"TmpfsOptions.Options", "as of mount(8)"),
		refused(m+"ClusterOptions", "there is no swarm", `{"HostConfig":{"Mounts":[{"Type":"cluster","Source":"i","Target":"/i","ClusterOptions":{}}]}}`, "HostConfig.Mounts of type cluster needs a swarm, which this engine is not part of"),
	}
}

func otherRows() []Row {
	return []Row{
		kept("HostConfig.ContainerIDFile", "the client writes it"),
		honoured("HostConfig.LogConfig.Type", "json-file, local, syslog, gelf, fluentd, journald, none").by("TestTheLogDriverIsTheDaemonsUnlessTheContainerChooses"),
		honoured("HostConfig.LogConfig.Config", "options of the driver").by("TestTheLogDriverIsTheDaemonsUnlessTheContainerChooses"),
		honoured("HostConfig.RestartPolicy.Name", "no, always, unless-stopped, on-failure").by("TestAContainerRunsAgainAsItsPolicySays"),
		honoured("HostConfig.RestartPolicy.MaximumRetryCount", "of on-failure").by("TestOnFailureRestartsOnlyForAnExitCodeOtherThan0AndUpToNTimes"),
		honoured("HostConfig.AutoRemove", "the daemon removes the container when it ends").by("TestRunEndsWithTheExitCodeThatDockerGives"),
		honoured("HostConfig.ConsoleSize", "of the terminal, from its first moment"),
		{Name: "HostConfig.Annotations", How: Honoured, What: "other runtimes are told of them", Test: shown},
		refused("HostConfig.Cgroup", "another container's control group is nothing that Docker ever gave", `{"HostConfig":{"Cgroup":"container:a"}}`, "HostConfig.Cgroup is not supported yet"),
		honoured("HostConfig.StorageOpt", "size of the container's own layer, on any file system").by("TestALayerWithASizeHoldsThatMuchThroughEverything"),
		honoured("HostConfig.Runtime", "a configured OCI runtime; runc is the name of our own too"),
		kept("HostConfig.Isolation", "default; Windows' are refused"),
		honoured("HostConfig.Init", "a first process that reaps and passes signals on").by("TestInitRunsDockerInitAsPid1AndTheDaemonsKeySetsTheDefault"),
	}
}
