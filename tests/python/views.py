"""What the views of `glasshouse inspect` show, in plain PyTorch: the referee of the lens.

A forward pass that keeps every value (`trace`), and a function a view that computes its tensors by their definitions from those
values. It shares decoder.py's formulas of single parts and nothing with the engine; `make_views.py` holds its logits to those of
decoder.py, and `check_fixtures.py` its streams and attention to those of Hugging Face's models. One text at a time: T its tokens.
Letters: T time, L layers, H heads, K key and value heads, D head size, C channels, F hidden, V vocabulary.
"""

import math

import torch
import torch.nn.functional as F

import decoder

BITS = 1 / math.log(2)
BINS = 64


def split_heads(x, heads):
    """[T, heads·D] -> [heads, T, D]."""
    return x.view(x.shape[0], heads, -1).transpose(0, 1)


def joined(x):
    """[heads, T, D] -> [T, heads·D]."""
    return x.transpose(0, 1).reshape(x.shape[1], -1)


def trace(model, weights, tokens, edits=(), patches=None, embedded=None):
    """Every value of a pass over tokens [T]. `edits` scale what parts add, as (part, layer, head, factor); `patches` put other rows
    into the stream before a layer, as {layer: {position: row}}; `embedded` [T, C] stands in for the embedded tokens."""
    heads, kv_heads, size = model["heads"], model["kv_heads"], model["head_size"]
    time, position = len(tokens), model["position"]
    x = F.embedding(tokens, weights["embedding.tokens"])
    if position["kind"] == "learned":
        x = x + weights["embedding.positions"][:time]
    x = x if embedded is None else embedded
    values = {"embedded": x, "streams": [], "layers": []}
    hidden_from = torch.ones(time, time, dtype=torch.bool).triu(1)
    for index in range(model["layers"]):
        for at, row in (patches or {}).get(index, {}).items():
            x = torch.cat((x[:at], row[None], x[at + 1 :]))
        values["streams"].append(x)
        name, factors = f"blocks.{index}", [edit for edit in edits if edit[1] == index]
        scale = math.prod(factor for part, _, _, factor in factors if part in ("attention", "layer"))
        attention_input = decoder.normalise(model, weights, f"{name}.attention.norm", x)
        packed = decoder.linear(weights, f"{name}.attention.qkv", attention_input)
        query, key, value = packed.split([heads * size, kv_heads * size, kv_heads * size], dim=-1)
        query, key, value = split_heads(query, heads), split_heads(key, kv_heads), split_heads(value, kv_heads)
        if position["kind"] == "rope":
            query, key = (decoder.rotate(part, position, model["context_length"]) for part in (query, key))
        group = heads // kv_heads
        scores = query @ key.repeat_interleave(group, 0).transpose(-1, -2) / math.sqrt(size)
        probabilities = scores.masked_fill(hidden_from, -math.inf).softmax(-1)
        weighted = probabilities @ value.repeat_interleave(group, 0)
        gains = torch.ones(heads, 1, 1, dtype=x.dtype)
        for part, _, head, factor in factors:
            if part == "head":
                gains[head] *= factor
        output_weight = weights[f"{name}.attention.output.weight"]
        columns = output_weight.view(-1, heads, size).permute(1, 2, 0)
        attention_output = scale * decoder.linear(weights, f"{name}.attention.output", joined(gains * weighted))
        between = x + attention_output
        mlp_input = decoder.normalise(model, weights, f"{name}.mlp.norm", between)
        up = decoder.linear(weights, f"{name}.mlp.up", mlp_input)
        gate = model["mlp"].get("gate", "none")
        if gate == "none":
            hidden = decoder.ACTIVATIONS[model["mlp"]["activation"]](up)
        else:
            gates, ups = up.chunk(2, dim=-1)
            hidden = decoder.GATES[gate](gates) * ups
        scale = math.prod(factor for part, _, _, factor in factors if part in ("mlp", "layer"))
        mlp_output = scale * decoder.linear(weights, f"{name}.mlp.down", hidden)
        x = between + mlp_output
        values["layers"].append(
            {
                "attention_input": attention_input,
                "queries": query,
                "keys": key,
                "values": value,
                "scores": scores,
                "probabilities": probabilities,
                "weighted": weighted,
                "head_outputs": weighted @ columns,
                "attention_output": attention_output,
                "between": between,
                "mlp_input": mlp_input,
                "hidden": hidden,
                "mlp_output": mlp_output,
            }
        )
    for at, row in (patches or {}).get(model["layers"], {}).items():
        x = torch.cat((x[:at], row[None], x[at + 1 :]))
    values["streams"].append(x)
    values["normed"], values["logits"] = read_out(model, weights, x)
    return values


def read_out(model, weights, x):
    """Final norm and logits of streams [.., C]."""
    normed = decoder.normalise(model, weights, "norm", x)
    return normed, F.linear(normed, unembedding(model, weights), weights.get("head.bias"))


def unembedding(model, weights):
    """[V, C]."""
    return weights["embedding.tokens"] if model.get("tied_head", True) else weights["head.weight"]


def entropy(probabilities):
    """−Σ p log₂ p over the last axis."""
    return -torch.special.xlogy(probabilities, probabilities).sum(-1) * BITS


def divergence(first, second):
    """KL(first ‖ second) in bits, of logits over the last axis."""
    first, second = first.log_softmax(-1), second.log_softmax(-1)
    return (first.exp() * (first - second)).sum(-1) * BITS


def draw(seed, purpose, number):
    """The engine's `random::nth`: SplitMix64 (Steele et al. 2014) of a seed, a purpose and a number."""

    def mix(state):
        z = (state + 0x9E3779B97F4A7C15) % 2**64
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
        return z ^ (z >> 31)

    return mix((mix(mix(seed) ^ purpose) + number * 0xD1342543DE82EF95) % 2**64)


def repeated(model):
    """The text that induction is measured on: distinct random tokens, twice."""
    text, number, vocabulary = [], 0, model["vocabulary"]
    while len(text) < min(48, model["context_length"] // 2, vocabulary):
        token = draw(1, 0x1D0C71, number) % vocabulary
        text += [token] if token not in text else []
        number += 1
    return torch.tensor(text + text)


class Subject:
    """A model, a prompt, and what of both is looked at, as `InspectSettings` of the engine says it."""

    def __init__(self, model, weights, tokens, other, settings):
        self.model, self.weights, self.tokens, self.other = model, weights, torch.tensor(tokens), torch.tensor(other)
        self.settings, self.values = settings, trace(model, weights, torch.tensor(tokens))
        self.position = settings.get("position", len(tokens) - 1)
        self.layer = settings.get("layer", model["layers"] - 1)
        self.head, self.count = settings.get("head", 0), settings.get("count", 10)
        self.likeliest = self.values["logits"][self.position].argmax().item()
        self.token = settings.get("token", self.likeliest)

    def stack(self, name):
        return torch.stack([layer[name] for layer in self.values["layers"]])


def tokens(subject):
    logits = subject.values["logits"]
    own = logits[:-1].log_softmax(-1).gather(1, subject.tokens[1:, None])[:, 0]
    rank = 1 + (logits[:-1] > logits[:-1].gather(1, subject.tokens[1:, None])).sum(-1)
    first = torch.zeros(1)
    return {
        "ids": subject.tokens,
        "log_probabilities": torch.cat((first, own)),
        "surprise": torch.cat((first, -own * BITS)),
        "rank": torch.cat((first.long(), rank)),
        "entropy": entropy(logits.softmax(-1)),
    }


def embeddings(subject):
    table = subject.weights["embedding.tokens"].detach()
    _, scale, directions = torch.linalg.svd(table - table.mean(0), full_matrices=False)
    token = subject.settings.get("token", subject.tokens[subject.position].item())
    cosines = F.cosine_similarity(table, table[token], dim=-1)
    cosines[token] = -math.inf
    nearest = cosines.argsort(descending=True)[: subject.count]
    return {
        "ids": torch.arange(len(table)),
        "token": torch.tensor(token),
        # A map is what it is up to the signs of its axes: distances are compared.
        "distances": torch.cdist(*[(table - table.mean(0)) @ directions[:2].T] * 2, compute_mode="donot_use_mm_for_euclid_dist"),
        "explained": scale[:2].square() / scale.square().sum(),
        "neighbours": nearest,
        "cosines": cosines[nearest],
    }


def positions(subject):
    model = subject.model
    if model["position"]["kind"] == "learned":
        table = subject.weights["embedding.positions"].detach()
        return {"similarity": F.cosine_similarity(table[:, None], table[None], dim=-1)}
    frequencies, _ = decoder.frequencies(model["position"], model["head_size"], model["context_length"])
    rotations = torch.arange(model["context_length"], dtype=torch.float64)[:, None] * frequencies
    return {
        "similarity": (rotations[:, None] - rotations[None]).cos().mean(-1),
        "rotations": rotations,
        "frequencies": frequencies,
    }


def attention(subject):
    probabilities = subject.stack("probabilities")
    ids = subject.tokens
    earlier = torch.ones(len(ids), len(ids)).tril(-1)
    equal = (ids[:, None] == ids[None]) * earlier
    repeats = equal.sum(-1) > 0
    again = repeated(subject.model)
    passes = trace(subject.model, subject.weights, again)["layers"]
    half = len(again) // 2
    induction = torch.stack([layer["probabilities"] for layer in passes])[..., half:, 1 : half + 1]
    layers = [subject.settings["layer"]] if "layer" in subject.settings else list(range(subject.model["layers"]))
    return {
        "probabilities": probabilities[layers],
        "layers": torch.tensor(layers),
        "scores": torch.stack(
            (
                probabilities.diagonal(-1, -2, -1).mean(-1),
                probabilities[..., 1:, 0].mean(-1),
                (probabilities * equal).sum(-1)[..., repeats].mean(-1),
                induction.diagonal(0, -2, -1).mean(-1),
            ),
            -1,
        ),
        "repeated": again,
        "entropy": entropy(probabilities).mean(-1),
    }


def head(subject):
    layer, group = subject.values["layers"][subject.layer], subject.model["heads"] // subject.model["kv_heads"]
    found = {"keys": layer["keys"][subject.head // group], "values": layer["values"][subject.head // group]}
    own = {"queries": "queries", "scores": "scores", "probabilities": "probabilities", "weighted": "weighted", "output": "head_outputs"}
    return found | {name: layer[value][subject.head] for name, value in own.items()}


def residual(subject):
    model, weights, values = subject.model, subject.weights, subject.values
    stages = [values["embedded"]]
    parts = [values["embedded"][subject.position]]
    for layer, stream in zip(values["layers"], values["streams"][1:]):
        stages += [layer["between"], stream]
        parts += [layer["attention_output"][subject.position], layer["mlp_output"][subject.position]]
    stages, parts = torch.stack(stages), torch.stack(parts)
    last = stages[-1, subject.position]
    if model["norm"]["kind"] == "layer":
        parts = parts - parts.mean(-1, keepdim=True)
        last = last - last.mean()
    fixed = weights["norm.weight"] / (last.square().mean() + model["norm"]["eps"]).sqrt()
    embedded = values["embedded"].detach().requires_grad_()
    logits = trace(model, weights, subject.tokens, embedded=embedded)["logits"][subject.position]
    (gradient,) = torch.autograd.grad(logits.log_softmax(-1)[subject.token], embedded)
    return {
        "norms": stages.norm(dim=-1),
        "cosines": F.cosine_similarity(stages, stages[-1:], dim=-1),
        "attention_norms": subject.stack("attention_output").norm(dim=-1),
        "mlp_norms": subject.stack("mlp_output").norm(dim=-1),
        "attribution": (parts * fixed) @ unembedding(model, weights)[subject.token],
        "saliency": (gradient * embedded).sum(-1),
        "token": torch.tensor([subject.token]),
    }


def logit_lens(subject):
    _, logits = read_out(subject.model, subject.weights, torch.stack(subject.values["streams"]))
    probabilities, top = logits.softmax(-1).max(-1)
    return {
        "top": top,
        "probabilities": probabilities,
        "divergence": divergence(logits[-1:], logits),
        "logits": logits[:, subject.position],
    }


def next_token(subject):
    """Hugging Face's order: repetition penalty, temperature, top-k, top-p, min-p."""
    sampling = subject.settings["sampling"]
    logits = subject.values["logits"][subject.position].detach()
    probability = logits.softmax(-1)
    seen = subject.tokens[: subject.position + 1].unique()
    changed, penalty = logits.clone(), sampling["repetition_penalty"]
    changed[seen] = torch.where(logits[seen] > 0, logits[seen] / penalty, logits[seen] * penalty)
    tempered = (changed / sampling["temperature"]).softmax(-1)
    order = tempered.argsort(descending=True)
    cut, kept = torch.zeros(len(logits), dtype=torch.long), order[: sampling["top_k"]]
    cut[order[sampling["top_k"] :]] = 1
    shares = tempered[kept] / tempered[kept].sum()
    needed = 1 + (shares.cumsum(0) < sampling["top_p"]).sum().item()
    cut[kept[needed:]], kept = 2, kept[:needed]
    weak = tempered[kept] < sampling["min_p"] * tempered[kept[0]]
    cut[kept[weak]], kept = 3, kept[~weak]
    drawn = torch.zeros_like(tempered)
    drawn[kept] = tempered[kept] / tempered[kept].sum()
    listed = probability.argsort(descending=True)[: subject.count]
    return {
        "logits": logits,
        "ids": listed,
        "probability": probability[listed],
        "tempered": tempered[listed],
        "drawn": drawn[listed],
        "cut_by": cut[listed],
        "entropy": entropy(probability)[None],
        "kept": torch.tensor([len(kept)]),
    }


def weights(subject):
    def of(tensors):
        edges = torch.tensor([[tensor.min(), tensor.max()] for tensor in tensors])
        bins = [torch.histc(tensor, BINS, *tensor.aminmax()) / tensor.numel() for tensor in tensors]
        return torch.stack([tensor.norm() for tensor in tensors]), torch.stack(bins), edges

    parameters = list(subject.weights.values())
    logits = trace(subject.model, subject.weights, subject.tokens)["logits"]
    loss = F.cross_entropy(logits[:-1], subject.tokens[1:])
    gradients = torch.autograd.grad(loss, parameters)
    names = ("norms", "histogram", "edges")
    found = dict(zip(names, of([parameter.detach() for parameter in parameters])))
    return found | {f"gradient_{name}": tensor for name, tensor in zip(names, of(gradients))}


def what_if(subject):
    settings, at = subject.settings, subject.position
    before = subject.values["logits"][at]

    def logits(edits=(), patches=None):
        return trace(subject.model, subject.weights, subject.tokens, edits, patches)["logits"][at]

    edits, patches = [], {}
    streams = trace(subject.model, subject.weights, subject.other)["streams"]
    for edit in settings["edits"]:
        if edit["part"] == "patch":
            patches.setdefault(edit["layer"], {})[edit["position"]] = streams[edit["layer"]][edit["position"]]
        else:
            edits.append((edit["part"], edit["layer"], edit.get("head"), edit["factor"]))
    after = logits(edits, patches)
    found = {"before": before.softmax(-1), "after": after.softmax(-1), "divergence": divergence(before, after)[None]}
    if not settings.get("every_part", False):
        return found
    layers, heads = range(subject.model["layers"]), range(subject.model["heads"])
    without_heads = torch.stack([logits([("head", layer, head, 0.0)]) for layer in layers for head in heads])
    without_mlps = torch.stack([logits([("mlp", layer, None, 0.0)]) for layer in layers])

    def change(after):
        return (after.log_softmax(-1) - before.log_softmax(-1))[:, subject.token]

    shape = (len(layers), len(heads))
    return found | {
        "heads": divergence(before, without_heads).reshape(shape),
        "mlps": divergence(before, without_mlps),
        "token_heads": change(without_heads).reshape(shape),
        "token_mlps": change(without_mlps),
    }


def walk(subject):
    layer, values = subject.values["layers"][subject.layer], subject.values
    names = ("attention_input", "probabilities", "attention_output", "between", "mlp_input", "hidden", "mlp_output")
    return {name: layer[name] for name in names} | {
        "embedded": values["embedded"],
        "queries": joined(layer["queries"]),
        "keys": joined(layer["keys"]),
        "values": joined(layer["values"]),
        "attended": joined(layer["weighted"]),
        "stream": values["streams"][subject.layer + 1],
        "normed": values["normed"],
        "logits": values["logits"][subject.position],
    }


VIEWS = {
    "tokens": tokens,
    "embeddings": embeddings,
    "positions": positions,
    "attention": attention,
    "head": head,
    "residual": residual,
    "logit-lens": logit_lens,
    "next-token": next_token,
    "weights": weights,
    "what-if": what_if,
    "walk": walk,
}
