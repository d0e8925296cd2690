package fields

func configRows() []Row {
	return []Row{
		honoured("Config.Hostname", "name of the container; conflicts with the host's UTS namespace and with another container's network"),
		honoured("Config.Domainname", "NIS domain, and the full name in /etc/hosts"),
		honoured("Config.User", "name, number, name:group, number:number or :group, looked up in the image's files"),
		kept("Config.AttachStdin", "says what the client is about to attach"),
		kept("Config.AttachStdout", "says what the client is about to attach"),
		kept("Config.AttachStderr", "says what the client is about to attach"),
		honoured("Config.ExposedPorts", "ports for PublishAllPorts").by("TestPortsAreExposedAndPublishedAsTheRequestSays"),
		honoured("Config.Tty", "a terminal instead of three streams"),
		honoured("Config.OpenStdin", "standard input is open; else it is empty").by("TestRunPassesStandardInputAndKeepsTheOutputsApart"),
		honoured("Config.StdinOnce", "standard input ends with the first client that attached to it").by("TestRunPassesStandardInputAndKeepsTheOutputsApart"),
		honoured("Config.Env", "environment, over the image's"),
		honoured("Config.Cmd", "arguments, or the program"),
		honoured("Config.Entrypoint", "program, in the place of the image's"),
		honoured("Config.Healthcheck.Test", "what is probed: CMD, CMD-SHELL, and beyond Docker HTTP and TCP; NONE").by("TestAnUnhealthyContainerIsDealtWithAsItsCheckSays"),
		honoured("Config.Healthcheck.Interval", "time between probes").by("TestAnUnhealthyContainerIsDealtWithAsItsCheckSays"),
		honoured("Config.Healthcheck.Timeout", "time that a probe may take").by("TestAProbeThatTakesTooLongIsKilledWithWhatItStarted"),
		honoured("Config.Healthcheck.StartPeriod", "time in which failures do not count").by("TestAStreakOfFailuresMakesUnhealthyAndOneSuccessHealthy"),
		honoured("Config.Healthcheck.StartInterval", "time between probes in the start period").by("TestProbesComeEveryIntervalAndMoreOftenWhileStarting"),
		honoured("Config.Healthcheck.Retries", "failures in sequence that make a container unhealthy").by("TestAnUnhealthyContainerIsDealtWithAsItsCheckSays"),
		kept("Config.ArgsEscaped", "says something of Windows' command lines only; not shown"),
		honoured("Config.Image", "any name or ID of an image"),
		honoured("Config.Volumes", "places of anonymous volumes"),
		honoured("Config.WorkingDir", "made when the image lacks it"),
		honoured("Config.NetworkDisabled", "the network mode none"),
		kept("Config.OnBuild", "for images that are committed from the container"),
		honoured("Config.Labels", "for filters and people").by(shown),
		honoured("Config.StopSignal", "what stop sends first").by("TestStopAsksFirstAndKillsAfterwards"),
		honoured("Config.StopTimeout", "seconds until stop kills").by("TestStopAsksFirstAndKillsAfterwards"),
		kept("Config.Shell", "for the shell form of health checks, and for images that are committed from the container"),
		honoured("Config.MacAddress", "hardware address of the interface; newer clients say it in NetworkingConfig"),
	}
}

func networkRows() []Row {
	const e = "NetworkingConfig.EndpointsConfig."
	endpoint := func(settings string) string {
		return `{"NetworkingConfig":{"EndpointsConfig":{"bridge":{` + settings + `}}}}`
	}
	return []Row{
		honoured("HostConfig.NetworkMode", "bridge or default, none, host, container:<id>, or the name or ID of a network; conflicts as Docker has them"),
		honoured("HostConfig.PortBindings", "ports of TCP, UDP and SCTP on IPv4 addresses of the host; any when empty or 0, the first free one of a range").by("TestPortsAreExposedAndPublishedAsTheRequestSays"),
		honoured("HostConfig.PublishAllPorts", "any ports for all that are exposed").by("TestPortsAreExposedAndPublishedAsTheRequestSays"),
		honoured("HostConfig.Dns", "nameservers in resolv.conf"),
		honoured("HostConfig.DnsOptions", "options in resolv.conf"),
		honoured("HostConfig.DnsSearch", "search in resolv.conf; a dot alone for none"),
		honoured("HostConfig.ExtraHosts", "lines in /etc/hosts; host-gateway is the bridge's address"),
		honoured("HostConfig.Links", "on the default bridge: hosts and environment as Docker's; a list of containers does not show a link's name").by("TestALinkIsSeenInsideAsDockerShowsIt"),
		honoured(e+"IPAMConfig", "the IPv4 address, on networks that somebody has made; IPv6 and link-local addresses are refused").by("TestAContainerHasTheAddressesThatItAskedFor"),
		refused(e+"Links", "links are on the default network", endpoint(`"Links":["a:b"]`), "NetworkingConfig.EndpointsConfig.Links is not supported yet"),
		honoured(e+"Aliases", "further names, on networks that somebody has made").by("TestAContainerHasTheAddressesThatItAskedFor"),
		refused(e+"DriverOpts", "the bridge has none", endpoint(`"DriverOpts":{"a":"b"}`), "NetworkingConfig.EndpointsConfig.DriverOpts is not supported yet"),
		honoured(e+"MacAddress", "hardware address of the interface").by("TestAContainerHasTheAddressesThatItAskedFor"),
		honoured(e+"GwPriority", "which network the default route goes by").by("TestAContainerHasTheAddressesThatItAskedFor"),
		{Name: e + "NetworkID", How: Kept, What: "and what follows tells of a running container; programs that make one anew send it back, and it decides nothing", Test: "TestWhatCannotBeHonouredIsRefusedByName"},
	}
}

// operational are the fields of an endpoint that tell and do not ask.
func operational() []string {
	return []string{"EndpointID", "Gateway", "IPAddress", "IPPrefixLen", "IPv6Gateway", "GlobalIPv6Address", "GlobalIPv6PrefixLen", "DNSNames"}
}
