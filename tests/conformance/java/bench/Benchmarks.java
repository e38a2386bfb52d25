// SPDX-License-Identifier: Apache-2.0

package bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.ReentrantLock;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Group;
import org.openjdk.jmh.annotations.GroupThreads;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Threads;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.Blackhole;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/** A broad handful of JMH benchmarks in the running JVM: that the harness works and each of them gives a score. */
public class Benchmarks {
    @State(Scope.Benchmark)
    @BenchmarkMode(Mode.AverageTime)
    @OutputTimeUnit(TimeUnit.MICROSECONDS)
    @Fork(0)
    @Warmup(iterations = 1)
    @Measurement(iterations = 2)
    public static class Smoke {
        private final int[] numbers = new int[4096];
        private final ConcurrentHashMap<Integer, String> map = new ConcurrentHashMap<>();
        private final ReentrantLock lock = new ReentrantLock();
        private final LongAdder adder = new LongAdder();
        private long counter;

        public Smoke() {
            for (int i = 0; i < numbers.length; i++) {
                numbers[i] = i * 0x5bd1e995;
                map.put(i, "value " + i);
            }
        }

        @Benchmark
        public long sum() {
            long total = 0;
            for (int number : numbers) {
                total += number;
            }
            return total;
        }

        @Benchmark
        public int[] sort() {
            int[] copy = numbers.clone();
            Arrays.sort(copy);
            return copy;
        }

        @Benchmark
        public Object allocate() {
            return new byte[10_000];
        }

        @Benchmark
        public void strings(Blackhole hole) {
            hole.consume(String.format("%d %s %.2f", counter++, "text", 1.5));
        }

        @Benchmark
        @Threads(4)
        public String lookUp() {
            return map.get((int) (Thread.currentThread().getId() * 31 & 4095));
        }

        @Benchmark
        @Threads(4)
        public long contended() {
            lock.lock();
            try {
                return ++counter;
            } finally {
                lock.unlock();
            }
        }

        @Benchmark
        @Group("adders")
        @GroupThreads(3)
        public void add() {
            adder.increment();
        }

        @Benchmark
        @Group("adders")
        @GroupThreads(1)
        public long read() {
            return adder.sum();
        }

        @Benchmark
        public void exceptions(Blackhole hole) {
            try {
                throw new IllegalStateException("expected");
            } catch (IllegalStateException e) {
                hole.consume(e.getStackTrace().length);
            }
        }
    }

    public static void main(String[] args) throws Exception {
        Collection<RunResult> results = new Runner(new OptionsBuilder().include("Smoke").verbosity(VerboseMode.SILENT)
                .warmupTime(TimeValue.milliseconds(Integer.parseInt(args[0])))
                .measurementTime(TimeValue.milliseconds(Integer.parseInt(args[0]))).build()).run();
        List<String> lines = new ArrayList<>();
        for (RunResult result : results) {
            double score = result.getPrimaryResult().getScore();
            lines.add(result.getParams().getBenchmark() + ": " + (score > 0 && score < 1e9 ? "measured" : "no score " + score));
        }
        lines.sort(null);
        lines.forEach(System.out::println);
    }
}
