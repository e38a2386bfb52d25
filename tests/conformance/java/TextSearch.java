// SPDX-License-Identifier: Apache-2.0

import java.nio.file.Path;
import java.util.Random;
import org.apache.lucene.analysis.standard.StandardAnalyzer;
import org.apache.lucene.document.Document;
import org.apache.lucene.document.Field;
import org.apache.lucene.document.IntPoint;
import org.apache.lucene.document.NumericDocValuesField;
import org.apache.lucene.document.StringField;
import org.apache.lucene.document.TextField;
import org.apache.lucene.index.DirectoryReader;
import org.apache.lucene.index.IndexWriter;
import org.apache.lucene.index.IndexWriterConfig;
import org.apache.lucene.index.Term;
import org.apache.lucene.search.BooleanClause;
import org.apache.lucene.search.BooleanQuery;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.search.PhraseQuery;
import org.apache.lucene.search.PrefixQuery;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.ScoreDoc;
import org.apache.lucene.search.TermQuery;
import org.apache.lucene.search.TopDocs;
import org.apache.lucene.store.Directory;
import org.apache.lucene.store.MMapDirectory;
import org.apache.lucene.store.NIOFSDirectory;

/** Lucene: an index written, merged, deleted from and searched, through mapped files and through channels. */
final class TextSearch {
    private TextSearch() {}

    public static void main(String[] args) throws Exception {
        int documents = Integer.parseInt(args[0]);
        Path folder = Path.of(args[1]);
        try (Directory mapped = new MMapDirectory(folder.resolve("mapped"))) {
            write(mapped, documents);
            search(mapped);
        }
        try (Directory mapped = new MMapDirectory(folder.resolve("mapped"))) {
            System.out.println("opened again");
            search(mapped);
        }
        try (Directory channels = new NIOFSDirectory(folder.resolve("channels"))) {
            write(channels, documents / 4);
            search(channels);
        }
    }

    private static void write(Directory directory, int documents) throws Exception {
        IndexWriterConfig config = new IndexWriterConfig(new StandardAnalyzer());
        config.setMaxBufferedDocs(200);
        config.setRAMBufferSizeMB(IndexWriterConfig.DISABLE_AUTO_FLUSH);
        Random random = new Random(11);
        try (IndexWriter writer = new IndexWriter(directory, config)) {
            for (int i = 0; i < documents; i++) {
                Document document = new Document();
                document.add(new StringField("id", Integer.toString(i), Field.Store.YES));
                document.add(new TextField("body", new String(Digest.text(random.nextInt(200), 300 + random.nextInt(2000))), Field.Store.NO));
                document.add(new IntPoint("number", i));
                document.add(new NumericDocValuesField("number", i));
                writer.addDocument(document);
            }
            for (int i = 0; i < documents; i += 7) {
                writer.deleteDocuments(new Term("id", Integer.toString(i)));
            }
            writer.commit();
            writer.forceMerge(1);
        }
    }

    private static void search(Directory directory) throws Exception {
        try (DirectoryReader reader = DirectoryReader.open(directory)) {
            IndexSearcher searcher = new IndexSearcher(reader);
            System.out.println(reader.numDocs() + " documents in " + reader.leaves().size() + " segment");
            String[] words = new String(Digest.text(3, 400)).trim().split(" ");
            Query term = new TermQuery(new Term("body", words[0]));
            show(searcher, "term", term);
            show(searcher, "prefix", new PrefixQuery(new Term("body", words[1].substring(0, 1))));
            show(searcher, "phrase", new PhraseQuery("body", words[5], words[6]));
            show(searcher, "range", IntPoint.newRangeQuery("number", 10, 99));
            show(searcher, "both", new BooleanQuery.Builder().add(term, BooleanClause.Occur.MUST)
                    .add(IntPoint.newRangeQuery("number", 0, 400), BooleanClause.Occur.FILTER).build());
        }
    }

    private static void show(IndexSearcher searcher, String what, Query query) throws Exception {
        TopDocs found = searcher.search(query, 5);
        StringBuilder line = new StringBuilder(what + ": " + searcher.count(query));
        for (ScoreDoc hit : found.scoreDocs) {
            line.append(' ').append(searcher.storedFields().document(hit.doc).get("id")).append('=').append(hit.score);
        }
        System.out.println(line);
    }
}
