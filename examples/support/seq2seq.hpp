// From one sequence to another: the encoder-decoder Transformer that sequence, translate and heads train, and its decoding with a
// cache.
#pragma once

#include <cmath>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <xtensor/xview.hpp>

#include <support/batches.hpp>
#include <tapehead/layers/layers.hpp>
#include <tapehead/study/heat_map.hpp>

namespace examples {

struct Seq2SeqOptions {
    Index source_vocabulary, target_vocabulary;
    Index embed_dim = 64, heads = 4, layers = 2;
    Real dropout = 0;
    bool tied = false;  ///< one matrix for both embeddings and before the softmax; both sides then have one vocabulary
};

/// The Transformer of "Attention Is All You Need", embeddings and output included.
struct Seq2Seq : Module {
    Embedding source_embedding;                 // [Vs, E]
    std::optional<Embedding> target_embedding;  // [Vt, E]; absent where tied
    std::optional<Linear> output;               // E → Vt; absent where tied
    SinusoidalPositionalEncoding positions;     // [T, E]
    Dropout dropout;
    Transformer transformer;

    explicit Seq2Seq(const Seq2SeqOptions& o)
        : source_embedding(o.source_vocabulary, o.embed_dim),
          positions(o.embed_dim),
          dropout(o.dropout),
          transformer({.embed_dim = o.embed_dim,
                       .num_heads = o.heads,
                       .num_encoder_layers = o.layers,
                       .num_decoder_layers = o.layers,
                       .feedforward_dim = 4 * o.embed_dim,
                       .dropout = o.dropout}) {
        if (o.tied && o.source_vocabulary != o.target_vocabulary)
            throw ValueError("Seq2Seq: expected one vocabulary for tied embeddings, got two");
        init::normal_(source_embedding.weight, 0, 1 / scale());
        if (o.tied) return;
        target_embedding.emplace(o.target_vocabulary, o.embed_dim);
        init::normal_(target_embedding->weight, 0, 1 / scale());
        output.emplace(o.embed_dim, o.target_vocabulary);
    }

    Real scale() const { return std::sqrt(static_cast<Real>(positions.table.size(1))); }

    /// ids [B, T] → [B, T, E], the first at position `first` (section 3.4 of the paper).
    Tensor embed(const Embedding& embedding, const Ids& ids, Index first = 0) const {
        return dropout(positions(scale() * embedding(ids), first));
    }
    Tensor embed_target(const Ids& ids, Index first = 0) const {
        return embed(target_embedding ? *target_embedding : source_embedding, ids, first);
    }

    /// source [B, Ts] → memory [B, Ts, E]
    Tensor encode(const Ids& source, const AttentionMask& real) const {
        return transformer.encoder(embed(source_embedding, source), real);
    }
    /// [B, T, E] → logits of the next symbols [B, T, Vt]
    Tensor logits(const Tensor& y) const { return output ? (*output)(y) : linear(y, source_embedding.weight); }

    /// The mean cross entropy of a batch's targets, each symbol predicted from those before it.
    Tensor loss(const Batch& batch, Real label_smoothing = 0) const {
        const AttentionMask real = batch.source.mask();
        const Tensor memory = encode(batch.source.ids, real);  // [B, Ts, E]
        const Tensor y =
            transformer.decoder(embed_target(batch.target_in), memory, AttentionMask::causal(), real);  // [B, Tt, E]
        return cross_entropy(flatten(logits(y), 0, 1), Ids(xt::flatten(batch.target_out)),
                             {.ignore_index = pad_id, .label_smoothing = label_smoothing});
    }

    void visit(Visitor& v) override {
        v("source_embedding", source_embedding);
        v("target_embedding", target_embedding);
        v("output", output);
        v("positions", positions);
        v("dropout", dropout);
        v("transformer", transformer);
    }
};

/// What the model writes for each source, with `decode(steps, begin [B, 1])` one of the functions of generate.hpp.
template <class Decode>
auto decode_batch(const Seq2Seq& model, std::span<const Sequence> sources, Index max_length, const Decode& decode) {
    const no_grad off;
    const PaddedSequences padded = pad_sequences(sources, {.pad_id = pad_id});
    std::vector<Index> lengths = padded.lengths;
    const Tensor memory = model.encode(padded.ids, padded.mask());
    std::vector<DecoderLayerCache> caches = model.transformer.decoder.make_cache(memory, max_length + 1);
    const StepModel steps{.next =
                              [&](const Ids& tokens) {
                                  const Tensor x =
                                      model.embed_target(tokens, caches.empty() ? 0 : caches[0].self.length);  // [B, T, E]
                                  const Tensor y =
                                      model.transformer.decoder.forward(x, caches, AttentionMask::causal(),
                                                                        AttentionMask::lengths(lengths));  // [B, T, E]
                                  return select(model.logits(y), 1, -1);                                   // [B, Vt]
                              },
                          .reorder =
                              [&](const Ids& rows) {
                                  reorder(caches, rows);
                                  std::vector<Index> chosen;
                                  for (const Id row : rows) chosen.push_back(lengths[static_cast<std::size_t>(row)]);
                                  lengths = chosen;
                              }};
    Ids begin = make_array<Id>({static_cast<Index>(sources.size()), 1});
    begin.fill(bos_id);
    return decode(steps, begin);
}

/// The likeliest symbol each time; or, with more than one beam, the likeliest sequence that beam search finds.
inline std::vector<Sequence> translate(const Seq2Seq& model, std::span<const Sequence> sources, Index max_length,
                                       Index beams = 1) {
    constexpr std::size_t at_once = 200;
    const GenerateOptions options{.max_length = max_length, .end = eos_id};
    std::vector<Sequence> outputs;
    for (std::size_t first = 0; first < sources.size(); first += at_once) {
        const auto part = sources.subspan(first, std::min(at_once, sources.size() - first));
        decode_batch(model, part, max_length, [&](const StepModel& steps, const Ids& begin) {
            if (beams == 1)
                for (Sequence& s : greedy_decode(steps, begin, options)) outputs.push_back(std::move(s));
            else
                for (Hypothesis& h : beam_search(steps, begin, options, {.beams = beams}))
                    outputs.push_back(std::move(h.tokens));
        });
    }
    return outputs;
}

/// Where the last decoder layer looks, as the mean over its heads, when it writes an output for a source.
template <class Label>
study::HeatMap attention_map(const Seq2Seq& model, const SequencePair& pair, const Label& label) {
    const no_grad off;
    const Batch batch = make_batch(std::vector<SequencePair>{pair});
    const Tensor memory = model.encode(batch.source.ids, {});
    const Tensor weights =  // [Tt, Ts]
        mean(model.transformer.decoder.forward_with_weights(model.embed_target(batch.target_in), memory).memory_weights.back(),
             {0, 1});
    study::HeatMap frame{.title = "Where the decoder looks when it writes a symbol",
                         .row_title = "written",
                         .column_title = "source"};
    for (const Id id : batch.target_out) frame.rows.push_back(label(id));
    for (const Id id : pair.source) frame.columns.push_back(label(id));
    return study::heat_map(weights, std::move(frame));
}

}  // namespace examples
