// SPDX-License-Identifier: Apache-2.0
import java.util.concurrent.ForkJoinPool;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/** parallelStream over the common pool and over one of its own. */
public final class ParallelStreams {
  public static void main(String[] args) throws Exception {
    System.out.println(LongStream.rangeClosed(1, 2_000_000).parallel().map(x -> x * x % 1009).sum());
    System.out.println(IntStream.range(0, 200_000).parallel().mapToObj(Integer::toString).mapToInt(String::length).sum());
    ForkJoinPool pool = new ForkJoinPool(4);
    System.out.println(pool.submit(() -> LongStream.range(0, 500_000).parallel().filter(x -> x % 7 == 3).count()).get());
    pool.shutdown();
  }
}
