// Command cost runs a command some times, and says what one run of it costs.
//
//	cost [-n RUNS] [-fails] -- COMMAND ARGUMENT…
//
// It prints the median of user and system time together in milliseconds, and of the peak of resident
// memory in MiB, both from getrusage of the ended process. A run that fails ends it, unless told otherwise.
package main

import (
	"flag"
	"fmt"
	"log"
	"os/exec"
	"sort"
	"syscall"
)

func main() {
	log.SetFlags(0)
	runs := flag.Int("n", 15, "runs")
	fails := flag.Bool("fails", false, "the command may fail")
	flag.Parse()
	if flag.NArg() == 0 || *runs < 1 {
		log.Fatal("usage: cost [-n RUNS] [-fails] -- COMMAND ARGUMENT…")
	}
	var cpu, memory []float64
	for range *runs {
		command := exec.Command(flag.Arg(0), flag.Args()[1:]...)
		if out, err := command.CombinedOutput(); err != nil && !*fails {
			log.Fatalf("Error: %s: %v\n%s", flag.Arg(0), err, out)
		}
		state := command.ProcessState
		usage, ok := state.SysUsage().(*syscall.Rusage)
		if !ok {
			log.Fatal("Error: this system counts nothing")
		}
		cpu = append(cpu, float64((state.UserTime()+state.SystemTime()).Microseconds())/1000)
		memory = append(memory, float64(usage.Maxrss)/1024)
	}
	fmt.Printf("%.1f %.1f\n", median(cpu), median(memory))
}

func median(of []float64) float64 {
	sort.Float64s(of)
	return of[len(of)/2]
}
