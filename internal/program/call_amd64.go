package program

const sysExecveat = 322
