// SPDX-License-Identifier: Apache-2.0
package io.mokapot.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class CompanyTest {
    private static long work(Company company, int transactions, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        long sum = 0;
        for (int i = 0; i < transactions; i++) {
            sum = sum * 31 + Transactions.perform(Transactions.choose(random), company, company.warehouse(0), random);
        }
        return sum;
    }

    @Test
    void theBooksAreRightAfterWork() {
        Company company = new Company(1, 50, 1);
        work(company, 30_000, 1);
        assertEquals(List.of(), company.audit());
    }

    @Test
    void theSameSeedHasTheSameAnswers() {
        assertEquals(work(new Company(1, 50, 7), 5_000, 3), work(new Company(1, 50, 7), 5_000, 3));
        assertFalse(work(new Company(1, 50, 7), 5_000, 3) == work(new Company(1, 50, 7), 5_000, 4));
    }

    @Test
    void anAuditFindsMoneyThatNobodyPaid() {
        Company company = new Company(1, 50, 1);
        work(company, 2_000, 1);
        company.warehouse(0).forTests().customers[3].owed += 1;
        assertEquals(1, company.audit().size());
        assertTrue(company.audit().get(0).contains("owed"));
    }

    @Test
    void anAuditFindsAnOrderThatIsGone() {
        Company company = new Company(1, 50, 1);
        work(company, 2_000, 1);
        company.warehouse(0).forTests().orders.pollLastEntry();
        assertFalse(company.audit().isEmpty());
    }

    @Test
    void percentilesAreThoseOfTheDurations() {
        Histogram histogram = new Histogram();
        assertEquals(0, histogram.percentile(0.5));
        for (int i = 1; i <= 1000; i++) {
            histogram.record(i * 1000L);
        }
        assertEquals(1000, histogram.count());
        assertEquals(500_000, histogram.percentile(0.5), 500_000 / 64.0);
        assertEquals(990_000, histogram.percentile(0.99), 990_000 / 64.0);
        assertEquals(1_000_000, histogram.percentile(1), 1_000_000 / 64.0);
    }

    @Test
    void badOptionsAreRefused() {
        assertThrows(IllegalArgumentException.class, () -> Options.parse(new String[] {"--mode", "jbb"}));
        assertThrows(IllegalArgumentException.class, () -> Options.parse(new String[] {"--seconds"}));
        assertThrows(IllegalArgumentException.class, () -> Options.parse(new String[] {"--rates", "1,x"}));
        assertEquals(List.of(10, 20), Options.parse(new String[] {"--rates", "10,20"}).rates());
    }
}
