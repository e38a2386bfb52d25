// SPDX-License-Identifier: Apache-2.0
package io.mokapot.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * An open load in the manner of a wholesale company's server, in two forms: how many transactions a second as many
 * threads do as there are warehouses, and how long transactions take that arrive at a given rate whether earlier ones
 * are done or not. It is no SPECjbb, and its numbers compare with nothing but its own.
 */
public final class Wholesale {
    private static final String USAGE = """
            usage: java -jar mokapot-bench.jar [OPTION]...
              --mode throughput|response|fixed   fixed does so many transactions and no more (default throughput)
              --warehouses N     threads in throughput mode, one each (default: 1, 2, ... twice the processors)
              --customers N      of each of a warehouse's ten districts (default 300)
              --seconds N        of each measured step (default 10)
              --warm-up N        seconds before the first (default 10)
              --rates A,B,...    transactions a second in response mode (default: tenths of the throughput)
              --transactions N   of each warehouse in fixed mode (default 20000)
              --seed N           (default 1)
            """;

    private final Options options;
    private long digest;

    private Wholesale(Options options) {
        this.options = options;
    }

    /**
     * Runs the load. Status 1: the books were wrong afterwards; 2: bad options.
     *
     * @param words options, as the usage has them
     * @throws Exception if a thread of it was interrupted
     */
    public static void main(String[] words) throws Exception {
        Options options;
        try {
            options = Options.parse(words);
        } catch (IllegalArgumentException e) {
            System.err.print(e.getMessage() + "\n" + USAGE);
            System.exit(2);
            return;
        }
        System.exit(new Wholesale(options).run() ? 0 : 1);
    }

    private boolean run() throws Exception {
        return switch (options.mode()) {
            case "fixed" -> fixed();
            case "response" -> response();
            default -> throughput();
        };
    }

    private boolean audited(Company company) {
        List<String> wrong = company.audit();
        wrong.stream().limit(20).forEach(line -> System.out.println("WRONG: " + line));
        System.out.println(wrong.isEmpty() ? "audit: the books are right" : "audit: " + wrong.size() + " errors");
        return wrong.isEmpty();
    }

    /**
     * Carries out so many transactions in each warehouse, by a thread each.
     *
     * @param warehouses how many
     * @param transactions of each warehouse
     * @param seed what everything follows from
     * @return seconds that they took
     * @throws IllegalStateException if the books were wrong afterwards
     * @throws InterruptedException if the calling thread was interrupted
     */
    public static double perform(int warehouses, int transactions, long seed) throws InterruptedException {
        Company company = new Company(warehouses, 300, seed);
        long start = System.nanoTime();
        perform(company, transactions, seed);
        double seconds = (System.nanoTime() - start) * 1e-9;
        List<String> wrong = company.audit();
        if (!wrong.isEmpty()) {
            throw new IllegalStateException(wrong.get(0));
        }
        return seconds;
    }

    /** The same transactions each time: one thread a warehouse, no clock. Gives a sum of what each warehouse answered. */
    private static long[] perform(Company company, int transactions, long seed) throws InterruptedException {
        int count = company.size();
        long[] results = new long[count];
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int number = i;
            Thread thread = new Thread(() -> {
                SplittableRandom random = new SplittableRandom(seed * 1_000_003 + number);
                long sum = 0;
                for (int j = 0; j < transactions; j++) {
                    sum = sum * 31 + Transactions.perform(Transactions.choose(random), company, company.warehouse(number), random);
                }
                results[number] = sum;
            }, "warehouse " + i);
            threads.add(thread);
            thread.start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        return results;
    }

    private boolean fixed() throws Exception {
        int count = options.warehouses() > 0 ? options.warehouses() : 2;
        Company company = new Company(count, options.customers(), options.seed());
        long[] results = perform(company, options.transactions(), options.seed());
        for (int i = 0; i < count; i++) {
            System.out.println("warehouse " + i + ": " + options.transactions() + " transactions, " + Long.toHexString(results[i]));
        }
        return audited(company);
    }

    private boolean throughput() throws Exception {
        int most = Runtime.getRuntime().availableProcessors() * 2;
        int first = options.warehouses() > 0 ? options.warehouses() : 1;
        int last = options.warehouses() > 0 ? options.warehouses() : most;
        boolean right = true, warm = false;
        for (int count = first; count <= last; count++) {
            Company company = new Company(count, options.customers(), options.seed());
            if (!warm) {
                closedLoop(company, options.warmUp());
                warm = true;
            }
            System.gc();
            double rate = closedLoop(company, options.seconds());
            System.out.printf(Locale.ROOT, "throughput: %d warehouses, %.0f transactions a second%n", count, rate);
            right &= audited(company);
        }
        return right;
    }

    /** A thread for each warehouse, one transaction after the other; gives transactions a second. */
    private double closedLoop(Company company, int seconds) throws InterruptedException {
        AtomicBoolean ended = new AtomicBoolean();
        AtomicLong done = new AtomicLong();
        List<Thread> threads = new ArrayList<>();
        long start = System.nanoTime();
        for (int i = 0; i < company.size(); i++) {
            int number = i;
            Thread thread = new Thread(() -> {
                SplittableRandom random = new SplittableRandom(options.seed() * 1_000_003 + number);
                long count = 0, sum = 0;
                while (!ended.get()) {
                    sum += Transactions.perform(Transactions.choose(random), company, company.warehouse(number), random);
                    count++;
                }
                done.addAndGet(count);
                consume(sum);
            }, "warehouse " + i);
            threads.add(thread);
            thread.start();
        }
        Thread.sleep(seconds * 1000L);
        ended.set(true);
        for (Thread thread : threads) {
            thread.join();
        }
        return done.get() / ((System.nanoTime() - start) / 1e9);
    }

    private synchronized void consume(long value) {
        digest += value;
    }

    private boolean response() throws Exception {
        int count = options.warehouses() > 0 ? options.warehouses() : Runtime.getRuntime().availableProcessors();
        Company company = new Company(count, options.customers(), options.seed());
        double limit = closedLoop(company, options.warmUp());
        List<Integer> rates = new ArrayList<>(options.rates());
        if (rates.isEmpty()) {
            for (int tenth = 1; tenth <= 10; tenth++) {
                rates.add((int) Math.max(1, limit * tenth / 10));
            }
        }
        System.out.printf(Locale.ROOT, "limit: %.0f transactions a second in a closed loop%n", limit);
        for (int rate : rates) {
            openLoop(company, rate);
        }
        return audited(company);
    }

    /** Transactions arrive at random moments, so many a second on average; a response counts from the arrival on. */
    private void openLoop(Company company, int rate) throws InterruptedException {
        Histogram times = new Histogram();
        int workers = Math.max(4, Runtime.getRuntime().availableProcessors() * 4);
        ExecutorService pool = Executors.newFixedThreadPool(workers);
        SplittableRandom arrivals = new SplittableRandom(options.seed() ^ rate);
        long start = System.nanoTime(), end = start + options.seconds() * 1_000_000_000L;
        double next = start;
        long sent = 0;
        while (next < end) {
            long due = (long) next;
            for (long left; (left = due - System.nanoTime()) > 0; ) {
                LockSupport.parkNanos(left);
            }
            SplittableRandom own = arrivals.split();
            pool.execute(() -> {
                consume(Transactions.perform(Transactions.choose(own), company, company.warehouse(own.nextInt(company.size())), own));
                times.record(System.nanoTime() - due);
            });
            sent++;
            next += -Math.log(1 - arrivals.nextDouble()) * 1e9 / rate;
        }
        pool.shutdown();
        CountDownLatch drained = new CountDownLatch(1);
        if (pool.awaitTermination(60, TimeUnit.SECONDS)) {
            drained.countDown();
        }
        double seconds = (System.nanoTime() - start) / 1e9;
        System.out.printf(Locale.ROOT, "response: %d a second asked, %.0f done, p50 %.2f ms, p90 %.2f ms, p99 %.2f ms, p99.9 %.2f ms%s%n",
                rate, times.count() / seconds, times.percentile(0.5) / 1e6, times.percentile(0.9) / 1e6,
                times.percentile(0.99) / 1e6, times.percentile(0.999) / 1e6,
                drained.getCount() == 0 && times.count() == sent ? "" : ", saturated");
    }
}
