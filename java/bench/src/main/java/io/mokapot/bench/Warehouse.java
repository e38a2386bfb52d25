// SPDX-License-Identifier: Apache-2.0
package io.mokapot.bench;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.TreeMap;

/** A warehouse: its stock, and its districts with their customers and orders. A district is the unit of locking. */
final class Warehouse {
    private static final int FULL_SHELF = 1000;
    private static final int LOW_SHELF = 100;
    private static final int KEPT_ORDERS = 2000; // of a district; older ones go to the archive, which is a sum

    /** A line of an order. */
    record Line(int item, int quantity, long cents, String note) {}

    /** An order; `delivered` is when a delivery took it, 0 before. */
    static final class Order {
        final long number;
        final int customer;
        final Line[] lines;
        final long cents;
        long delivered;

        Order(long number, int customer, Line[] lines) {
            this.number = number;
            this.customer = customer;
            this.lines = lines;
            this.cents = Arrays.stream(lines).mapToLong(Line::cents).sum();
        }
    }

    /** A customer and what he owes; negative is credit. */
    static final class Customer {
        final String name;
        long owed;
        long charged;
        long paid;
        long lastOrder;

        Customer(String name) {
            this.name = name;
        }
    }

    /** Customers and orders; its monitor guards all of it. */
    static final class District {
        final Customer[] customers;
        final TreeMap<Long, Order> orders = new TreeMap<>();
        final ArrayDeque<Order> open = new ArrayDeque<>();
        long nextNumber = 1;
        long archivedOrders;
        long archivedCents;
        long deliveredOrders;

        District(int customers, SplittableRandom random) {
            this.customers = new Customer[customers];
            for (int i = 0; i < customers; i++) {
                this.customers[i] = new Customer("customer " + i + " " + Long.toString(random.nextLong() >>> 1, 36));
            }
        }
    }

    final int number;
    private final District[] districts = new District[Company.DISTRICTS];
    private final int[] stock = new int[Company.ITEMS];     // guarded by stock
    private final long[] sold = new long[Company.ITEMS];    // guarded by stock
    private final long[] restocked = new long[Company.ITEMS];

    Warehouse(int number, int customers, SplittableRandom random) {
        this.number = number;
        Arrays.fill(stock, FULL_SHELF);
        for (int i = 0; i < districts.length; i++) {
            districts[i] = new District(customers, random.split());
        }
    }

    /** The first district, for tests that spoil its books. */
    District forTests() {
        return districts[0];
    }

    int customers() {
        return districts[0].customers.length;
    }

    /** Takes goods from the shelves and charges the customer; the order waits for delivery. Gives its amount. */
    long newOrder(Company company, int district, int customer, int[] items, int[] quantities) {
        Line[] lines = new Line[items.length];
        synchronized (stock) {
            for (int i = 0; i < items.length; i++) {
                int item = items[i];
                if (stock[item] < quantities[i]) {
                    restocked[item] += FULL_SHELF;
                    stock[item] += FULL_SHELF;
                }
                stock[item] -= quantities[i];
                sold[item] += quantities[i];
                lines[i] = new Line(item, quantities[i], (long) company.price(item) * quantities[i], "shelf " + item / 100);
            }
        }
        District place = districts[district];
        synchronized (place) {
            Order order = new Order(place.nextNumber++, customer, lines);
            place.orders.put(order.number, order);
            place.open.add(order);
            Customer buyer = place.customers[customer];
            buyer.owed += order.cents;
            buyer.charged += order.cents;
            buyer.lastOrder = order.number;
            archive(place);
            return order.cents;
        }
    }

    private static void archive(District place) {
        while (place.orders.size() > KEPT_ORDERS && place.orders.firstEntry().getValue().delivered != 0) {
            Order oldest = place.orders.pollFirstEntry().getValue();
            place.archivedOrders++;
            place.archivedCents += oldest.cents;
        }
    }

    /** A customer pays; gives what he owes now. */
    long payment(int district, int customer, long cents) {
        District place = districts[district];
        synchronized (place) {
            Customer payer = place.customers[customer];
            payer.owed -= cents;
            payer.paid += cents;
            return payer.owed;
        }
    }

    /** The lines of a customer's last order, as text; empty where he has none, or it is archived. */
    String orderStatus(int district, int customer) {
        District place = districts[district];
        StringBuilder text = new StringBuilder();
        synchronized (place) {
            Customer buyer = place.customers[customer];
            Order order = place.orders.get(buyer.lastOrder);
            if (order == null) {
                return "";
            }
            text.append(buyer.name).append(" owes ").append(buyer.owed).append(", order ").append(order.number);
            for (Line line : order.lines) {
                text.append('\n').append(line.item).append(" x ").append(line.quantity).append(" = ").append(line.cents)
                        .append(' ').append(line.note);
            }
            text.append('\n').append(order.delivered == 0 ? "open" : "delivered");
        }
        return text.toString();
    }

    /** Delivers up to so many open orders of each district; gives how many. */
    int delivery(int most, long now) {
        int count = 0;
        for (District place : districts) {
            synchronized (place) {
                for (int i = 0; i < most && !place.open.isEmpty(); i++) {
                    place.open.poll().delivered = Math.max(now, 1);
                    place.deliveredOrders++;
                    count++;
                }
                archive(place);
            }
        }
        return count;
    }

    /** How many of the items of a district's last orders are short. */
    int stockLevel(int district, int orders) {
        List<Line> lines = new ArrayList<>();
        District place = districts[district];
        synchronized (place) {
            int left = orders;
            for (Order order : place.orders.descendingMap().values()) {
                if (left-- == 0) {
                    break;
                }
                lines.addAll(Arrays.asList(order.lines));
            }
        }
        synchronized (stock) {
            return (int) lines.stream().mapToInt(Line::item).distinct().filter(item -> stock[item] < LOW_SHELF).count();
        }
    }

    /** The customers of a district by what they were charged, the best ten of them, as text. */
    String customerReport(int district) {
        record Row(String name, long charged, long owed) {}
        List<Row> rows = new ArrayList<>();
        District place = districts[district];
        synchronized (place) {
            for (Customer customer : place.customers) {
                rows.add(new Row(customer.name, customer.charged, customer.owed));
            }
        }
        StringBuilder text = new StringBuilder();
        rows.stream().sorted((a, b) -> a.charged != b.charged ? Long.compare(b.charged, a.charged) : a.name.compareTo(b.name))
                .limit(10).forEach(row -> text.append(String.format("%-40s %12d %12d%n", row.name, row.charged, row.owed)));
        return text.toString();
    }

    void audit(Company company, List<String> wrong) {
        for (int i = 0; i < districts.length; i++) {
            District place = districts[i];
            String where = "warehouse " + number + ", district " + i + ": ";
            long charged = 0, paid = 0, owed = 0, ordered = place.archivedCents;
            for (Customer customer : place.customers) {
                charged += customer.charged;
                paid += customer.paid;
                owed += customer.owed;
            }
            long delivered = place.archivedOrders;
            for (Order order : place.orders.values()) {
                ordered += order.cents;
                delivered += order.delivered != 0 ? 1 : 0;
                for (Line line : order.lines) {
                    if (line.cents != (long) company.price(line.item) * line.quantity) {
                        wrong.add(where + "a line of order " + order.number + " has a wrong amount");
                    }
                }
            }
            check(wrong, where + "charged", charged, ordered);
            check(wrong, where + "owed", owed, charged - paid);
            check(wrong, where + "delivered", delivered, place.deliveredOrders);
            check(wrong, where + "orders", place.nextNumber - 1, place.archivedOrders + place.orders.size());
            check(wrong, where + "open", place.open.size(), place.nextNumber - 1 - place.deliveredOrders);
        }
        for (int item = 0; item < stock.length; item++) {
            check(wrong, "warehouse " + number + ", item " + item, stock[item], FULL_SHELF + restocked[item] - sold[item]);
        }
    }

    private static void check(List<String> wrong, String what, long seen, long wanted) {
        if (seen != wanted) {
            wrong.add(what + " is " + seen + " and should be " + wanted);
        }
    }
}
