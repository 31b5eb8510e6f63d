package newswatch;

import java.util.Map;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.Tokenizer;
import org.apache.lucene.analysis.email.UAX29URLEmailTokenizer;
import org.apache.lucene.analysis.miscellaneous.RemoveDuplicatesTokenFilter;
import org.apache.lucene.analysis.pattern.PatternCaptureGroupTokenFilter;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.index.analysis.TokenFilterFactory;
import org.elasticsearch.index.analysis.TokenizerFactory;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.elasticsearch.plugins.AnalysisPlugin;
import org.elasticsearch.plugins.Plugin;

/**
 * For tests only: the analysis names that Elasticsearch's index of users and API keys needs, and that Elastic's small
 * distribution for tests lacks. A full Elasticsearch has them all.
 */
public class NamesPlugin extends Plugin implements AnalysisPlugin {
    record Filter(String name, UnaryOperator<TokenStream> made) implements TokenFilterFactory {
        @Override
        public TokenStream create(TokenStream stream) {
            return made.apply(stream);
        }
    }

    record Cutter(String name, Supplier<Tokenizer> made) implements TokenizerFactory {
        @Override
        public Tokenizer create() {
            return made.get();
        }
    }

    @Override
    public Map<String, AnalysisProvider<TokenFilterFactory>> getTokenFilters() {
        return Map.of(
            "pattern_capture",
            AnalysisPlugin.requiresAnalysisSettings((index, environment, name, settings) -> new Filter(name, captured(settings))),
            "unique",
            (index, environment, name, settings) -> new Filter(name, RemoveDuplicatesTokenFilter::new)
        );
    }

    @Override
    public Map<String, AnalysisProvider<TokenizerFactory>> getTokenizers() {
        return Map.of("uax_url_email", (index, environment, name, settings) -> new Cutter(name, UAX29URLEmailTokenizer::new));
    }

    private static UnaryOperator<TokenStream> captured(Settings settings) {
        Pattern[] patterns = settings.getAsList("patterns").stream().map(Pattern::compile).toArray(Pattern[]::new);
        return stream -> new PatternCaptureGroupTokenFilter(stream, settings.getAsBoolean("preserve_original", true), patterns);
    }
}
