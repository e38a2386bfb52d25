// SPDX-License-Identifier: Apache-2.0
package io.mokapot.bench;

import java.util.SplittableRandom;

/** The mix of transactions. Of 100: 43 new orders, 43 payments, 4 order states, 4 deliveries, 4 stock levels, 2 reports. */
final class Transactions {
    /** The kinds, with how many of 100 transactions each is. */
    enum Kind {
        NEW_ORDER(43), PAYMENT(43), ORDER_STATUS(4), DELIVERY(4), STOCK_LEVEL(4), CUSTOMER_REPORT(2);

        final int share;

        Kind(int share) {
            this.share = share;
        }
    }

    private static final Kind[] MIX = new Kind[100];

    static {
        int at = 0;
        for (Kind kind : Kind.values()) {
            for (int i = 0; i < kind.share; i++) {
                MIX[at++] = kind;
            }
        }
    }

    private Transactions() {}

    static Kind choose(SplittableRandom random) {
        return MIX[random.nextInt(MIX.length)];
    }

    /** Carries one out; the result depends on all that it read. */
    static long perform(Kind kind, Company company, Warehouse warehouse, SplittableRandom random) {
        int district = random.nextInt(Company.DISTRICTS);
        int customer = random.nextInt(warehouse.customers());
        return switch (kind) {
            case NEW_ORDER -> {
                int[] items = new int[5 + random.nextInt(11)];
                int[] quantities = new int[items.length];
                for (int i = 0; i < items.length; i++) {
                    items[i] = random.nextInt(Company.ITEMS);
                    quantities[i] = 1 + random.nextInt(10);
                }
                yield warehouse.newOrder(company, district, customer, items, quantities);
            }
            case PAYMENT -> warehouse.payment(district, customer, 100 + random.nextInt(100_000));
            case ORDER_STATUS -> warehouse.orderStatus(district, customer).hashCode();
            case DELIVERY -> warehouse.delivery(3, System.nanoTime() | 1);
            case STOCK_LEVEL -> warehouse.stockLevel(district, 20);
            case CUSTOMER_REPORT -> warehouse.customerReport(district).hashCode();
        };
    }
}
