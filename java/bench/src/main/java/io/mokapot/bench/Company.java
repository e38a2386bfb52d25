// SPDX-License-Identifier: Apache-2.0
package io.mokapot.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * A wholesale company in memory: warehouses with districts, customers, stock and orders. All amounts are in cents, all
 * counts in pieces. Everything follows from the seed, so the same transactions on the same company have the same result.
 */
public final class Company {
    static final int DISTRICTS = 10;
    static final int ITEMS = 20_000;

    private final List<Warehouse> warehouses = new ArrayList<>();
    private final int[] prices = new int[ITEMS];

    /**
     * @param count warehouses
     * @param customers customers of each district
     * @param seed what everything follows from
     */
    public Company(int count, int customers, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        for (int i = 0; i < ITEMS; i++) {
            prices[i] = 100 + random.nextInt(10_000);
        }
        for (int i = 0; i < count; i++) {
            warehouses.add(new Warehouse(i, customers, random.split()));
        }
    }

    int price(int item) {
        return prices[item];
    }

    int size() {
        return warehouses.size();
    }

    Warehouse warehouse(int number) {
        return warehouses.get(number);
    }

    /**
     * Whether the books are right: what customers were charged and have paid, what left the shelves, and how many
     * orders are open, each counted twice, on different ways.
     *
     * @return a line for each thing that is not right; empty if all is
     */
    public List<String> audit() {
        List<String> wrong = new ArrayList<>();
        for (Warehouse warehouse : warehouses) {
            warehouse.audit(this, wrong);
        }
        return wrong;
    }
}
