// SPDX-License-Identifier: Apache-2.0

import io.mokapot.bench.Wholesale;

/** The wholesale company of java/bench: a fixed number of transactions, twice, of which the second time counts. */
public final class WholesaleMix {
  private WholesaleMix() {}

  public static void main(String[] args) throws InterruptedException {
    int warehouses = Integer.parseInt(args[0]);
    int transactions = Integer.parseInt(args[1]);
    Wholesale.perform(warehouses, transactions, 1);
    System.out.println("begins");
    System.out.printf("figure wholesale %.9f%n", warehouses * (double) transactions / Wholesale.perform(warehouses, transactions, 2));
    System.out.println("done");
  }
}
