// SPDX-License-Identifier: Apache-2.0

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Random;

/** H2 with its store in a file: transactions, indexes, joins, large objects, a backup, and what is there after it was shut. */
final class Database {
    private Database() {}

    public static void main(String[] args) throws Exception {
        int rows = Integer.parseInt(args[0]);
        Path folder = Path.of(args[1]);
        String url = "jdbc:h2:file:" + folder.toAbsolutePath().resolve("shop") + ";CACHE_SIZE=4096";
        try (Connection connection = DriverManager.getConnection(url, "sa", "")) {
            fill(connection, rows);
            ask(connection);
            rollBack(connection);
            try (Statement statement = connection.createStatement()) {
                statement.execute("BACKUP TO '" + folder.toAbsolutePath().resolve("backup.zip") + "'");
            }
        }
        try (Connection connection = DriverManager.getConnection(url + ";IFEXISTS=TRUE", "sa", "")) {
            System.out.println("opened again");
            ask(connection);
            try (Statement statement = connection.createStatement()) {
                statement.execute("SHUTDOWN COMPACT");
            }
        }
        try (Connection connection = DriverManager.getConnection("jdbc:h2:mem:", "sa", "")) {
            fill(connection, rows / 4);
            ask(connection);
        }
    }

    private static void fill(Connection connection, int rows) throws SQLException {
        Random random = new Random(42);
        try (Statement statement = connection.createStatement()) {
            statement.execute("CREATE TABLE customer(id INT PRIMARY KEY, name VARCHAR(40), town VARCHAR(20))");
            statement.execute("CREATE TABLE purchase(id IDENTITY PRIMARY KEY, customer INT REFERENCES customer, cents BIGINT, note CLOB)");
            statement.execute("CREATE INDEX by_customer ON purchase(customer)");
        }
        connection.setAutoCommit(false);
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO customer VALUES(?, ?, ?)")) {
            for (int i = 0; i < rows / 10; i++) {
                insert.setInt(1, i);
                insert.setString(2, "customer " + Integer.toString(random.nextInt(1 << 20), 36));
                insert.setString(3, "town " + random.nextInt(30));
                insert.addBatch();
            }
            insert.executeBatch();
        }
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO purchase(customer, cents, note) VALUES(?, ?, ?)")) {
            for (int i = 0; i < rows; i++) {
                insert.setInt(1, random.nextInt(rows / 10));
                insert.setLong(2, random.nextInt(100_000));
                insert.setString(3, i % 200 == 0 ? "x".repeat(20_000) : "note " + i);
                insert.addBatch();
                if (i % 1000 == 999) {
                    insert.executeBatch();
                    connection.commit();
                }
            }
            insert.executeBatch();
        }
        connection.commit();
        connection.setAutoCommit(true);
    }

    private static void ask(Connection connection) throws SQLException {
        print(connection, "SELECT COUNT(*), SUM(cents), MIN(cents), MAX(LENGTH(note)) FROM purchase");
        print(connection, "SELECT town, COUNT(*) AS n, SUM(cents) AS s FROM customer c JOIN purchase p ON p.customer = c.id "
                + "GROUP BY town ORDER BY s DESC, town LIMIT 5");
        print(connection, "SELECT name, (SELECT SUM(cents) FROM purchase WHERE customer = c.id) AS s FROM customer c ORDER BY s DESC NULLS LAST, name LIMIT 3");
        print(connection, "SELECT customer, cents, ROW_NUMBER() OVER (PARTITION BY customer ORDER BY cents DESC, id) FROM purchase "
                + "WHERE customer < 2 ORDER BY 1, 3 LIMIT 6");
    }

    private static void print(Connection connection, String query) throws SQLException {
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(query)) {
            while (rows.next()) {
                StringBuilder line = new StringBuilder();
                for (int i = 1; i <= rows.getMetaData().getColumnCount(); i++) {
                    line.append(i == 1 ? "" : " | ").append(rows.getString(i));
                }
                System.out.println(line);
            }
        }
    }

    private static void rollBack(Connection connection) throws SQLException {
        connection.setAutoCommit(false);
        try (Statement statement = connection.createStatement()) {
            System.out.println("deleted " + statement.executeUpdate("DELETE FROM purchase WHERE cents < 50000"));
        }
        connection.rollback();
        connection.setAutoCommit(true);
        print(connection, "SELECT COUNT(*) FROM purchase");
    }
}
