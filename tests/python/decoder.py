"""The decoder in plain PyTorch: the referee of the engine's arithmetic.

Written from the papers and from the engine's configuration alone, sharing no code with the engine. It reads a run's TOML
(`RunConfig` in engine/protocol) and holds its weights in a dictionary with the engine's parameter names and shapes:

    embedding.tokens [V, C], embedding.positions [T, C] (learned positions)
    blocks.{i}.attention.norm.weight [C] (.bias), .attention.qkv.weight [(H + 2K)·D, C] (.bias),
    blocks.{i}.attention.query_norm [D], .attention.key_norm [D] (QK-norm; of whole queries and keys [H·D], [K·D]),
    blocks.{i}.attention.output.weight [C, H·D] (.bias), .attention.output_norm.weight [C] (.bias) (sandwich norm; likewise .mlp.output_norm),
    blocks.{i}.mlp.norm.weight [C] (.bias), .mlp.up.weight [F, C], or [2F, C] with the gate's rows first (.bias),
    blocks.{i}.mlp.down.weight [C, F] (.bias), norm.weight [C] (.bias) (all but post-norm), head.weight [V, C] (untied)

Letters: B batch, T time, C channels, H heads, K key and value heads, D head size, F hidden, V vocabulary.
"""

import math

import torch
import torch.nn.functional as F


def shapes(model):
    """Name -> shape of every parameter of a `[model]` table, in the order of the forward pass."""
    width, hidden, head = model["width"], model["mlp"]["hidden"], model["head_size"]
    heads, kv_heads = model["heads"], model["kv_heads"]
    gated = model["mlp"].get("gate", "none") != "none"
    result = {"embedding.tokens": (model["vocabulary"], width)}
    if model["position"]["kind"] == "learned":
        result["embedding.positions"] = (model["context_length"], width)

    def norm(name):
        result[f"{name}.weight"] = (width,)
        if model["norm"].get("bias", False):
            result[f"{name}.bias"] = (width,)

    def linear(name, outputs, inputs, layer):
        result[f"{name}.weight"] = (outputs, inputs)
        if has_bias(model, layer):
            result[f"{name}.bias"] = (outputs,)

    for index in range(model["layers"]):
        block = f"blocks.{index}"
        norm(f"{block}.attention.norm")
        linear(f"{block}.attention.qkv", (heads + 2 * kv_heads) * head, width, "qkv")
        if model.get("qk_norm", False):
            whole = model.get("qk_norm_whole", False)
            result[f"{block}.attention.query_norm"] = (heads * head if whole else head,)
            result[f"{block}.attention.key_norm"] = (kv_heads * head if whole else head,)
        linear(f"{block}.attention.output", width, heads * head, "output")
        sandwich = model["norm"].get("placement", "pre") == "sandwich"
        if sandwich:
            norm(f"{block}.attention.output_norm")
        if model.get("residual", "sequential") != "parallel_one_norm":
            norm(f"{block}.mlp.norm")
        linear(f"{block}.mlp.up", 2 * hidden if gated else hidden, width, "mlp")
        linear(f"{block}.mlp.down", width, hidden, "mlp")
        if sandwich:
            norm(f"{block}.mlp.output_norm")
    if model["norm"].get("placement", "pre") != "post":
        norm("norm")
    if not model.get("tied_head", True):
        result["head.weight"] = (model["vocabulary"], width)
    if has_bias(model, "head"):
        result["head.bias"] = (model["vocabulary"],)
    return result


def has_bias(model, layer):
    """Whether a layer (qkv, output, mlp, head) has a bias: one word for all but the head, or a table."""
    bias = model.get("bias", False)
    return bias.get(layer, False) if isinstance(bias, dict) else bias and layer != "head"


def normalise(model, weights, name, x):
    """LayerNorm or RMSNorm over the channels of x [.., C]."""
    eps, scale = model["norm"]["eps"], weights[f"{name}.weight"]
    if model["norm"].get("add_unit_offset", False):
        scale = 1 + scale
    if model["norm"]["kind"] == "rms":
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * scale
    return F.layer_norm(x, x.shape[-1:], scale, weights.get(f"{name}.bias"), eps)


def linear(weights, name, x):
    """x·wᵀ + b."""
    return F.linear(x, weights[f"{name}.weight"], weights.get(f"{name}.bias"))


def head_norm(x, weight, eps):
    """RMSNorm of the last dimension of x."""
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * weight


def frequencies(position, size, context):
    """Radians a position of each pair of `size` rotary channels, scaled as `scaling` says, and the factor on their cosines and sines."""
    base, scaling = position["base"], position.get("scaling")
    plain = base ** -(torch.arange(0, size, 2, dtype=torch.float64) / size)
    if scaling is None:
        return plain, 1.0
    kind, factor, old = scaling["kind"], scaling.get("factor"), scaling.get("original_context_length")
    if kind == "longrope":
        factors = scaling["long_factor" if context > old else "short_factor"]
        usual = math.sqrt(1 + math.log(context / old) / math.log(old)) if context > old else 1.0
        return plain / torch.tensor(factors, dtype=torch.float64), scaling.get("attention_factor", usual)
    if kind == "dynamic":
        longest = max(context, old)
        raised = base * (factor * longest / old - (factor - 1)) ** (size / (size - 2))
        return raised ** -(torch.arange(0, size, 2, dtype=torch.float64) / size), 1.0
    slow = plain / factor
    if kind == "linear":
        return slow, 1.0
    if kind == "yarn":
        # The pair that turns so often in the original context, and how far each pair is between both.
        fast, slowest = (
            size * math.log(old / (turns * 2 * math.pi)) / (2 * math.log(base))
            for turns in (scaling.get("beta_fast", 32.0), scaling.get("beta_slow", 1.0))
        )
        if scaling.get("truncate", True):
            fast, slowest = math.floor(fast), math.ceil(slowest)
        fast, slowest = max(fast, 0), min(slowest, size - 1)
        slowest += 0.001 if fast == slowest else 0
        share = ((torch.arange(size // 2, dtype=torch.float64) - fast) / (slowest - fast)).clamp(0, 1)
        usual = 0.1 * math.log(factor) + 1
        return share * slow + (1 - share) * plain, scaling.get("attention_factor", usual)
    # Llama 3.1: by how many wavelengths the first context held, between the two factors.
    held = old * plain / (2 * math.pi)
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    kept = ((held - low) / (high - low)).clamp(0, 1)
    return (1 - kept) * slow + kept * plain, 1.0


def rotate(x, position, context):
    """Rotary positions of x [B, heads, T, D]; halves are paired, as in Hugging Face's Llama. Of pairs i and i + D/2 the first
    `channels` / 2 turn, by the angles of a head of `channels`."""
    time, size = x.shape[-2:]
    channels = position.get("channels", size)
    turns, factor = frequencies(position, channels, context)
    angles = torch.arange(time, dtype=torch.float64)[:, None] * turns[None, :]
    unturned = (0, (size - channels) // 2)
    cosine = F.pad(factor * angles.cos(), unturned, value=1.0).to(x.dtype)
    sine = F.pad(factor * angles.sin(), unturned).to(x.dtype)
    first, second = x[..., : size // 2], x[..., size // 2 :]
    return torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1)


def sinusoids(time, width, dtype):
    """[T, C]: column 2i is sin(t·10000^(−2i/C)), column 2i + 1 its cosine."""
    frequencies = 10000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angles = torch.arange(time, dtype=torch.float64)[:, None] * frequencies[None, :]
    return torch.stack((angles.sin(), angles.cos()), dim=-1).reshape(time, width).to(dtype)


def attention(model, weights, name, x, fused, index=0):
    """Causal attention over x [B, T, C]; `fused` takes PyTorch's own kernel in place of the formula."""
    batch, time, _ = x.shape
    heads, kv_heads, size = model["heads"], model["kv_heads"], model["head_size"]
    packed = linear(weights, f"{name}.qkv", x)
    query, key, value = packed.split([heads * size, kv_heads * size, kv_heads * size], dim=-1)
    normed, whole = model.get("qk_norm", False), model.get("qk_norm_whole", False)

    def head_normed(query, key):
        return (head_norm(x, weights[f"{name}.{part}_norm"], model["norm"]["eps"]) for x, part in ((query, "query"), (key, "key")))

    if normed and whole:
        query, key = head_normed(query, key)
    query = query.view(batch, time, heads, size).transpose(1, 2)
    key = key.view(batch, time, kv_heads, size).transpose(1, 2)
    value = value.view(batch, time, kv_heads, size).transpose(1, 2)
    if normed and not whole:
        query, key = head_normed(query, key)
    position, window = model["position"], model.get("sliding_window")
    local = window is not None and index not in model.get("full_attention", [])
    if local and "local_base" in position:
        position = {**position, "base": position["local_base"], "scaling": None}
    skip = position.get("skip_every", 0)
    if position["kind"] == "rope" and (skip == 0 or (index + 1) % skip != 0):
        query, key = (rotate(x, position, model["context_length"]) for x in (query, key))
    if kv_heads != heads:
        key = key.repeat_interleave(heads // kv_heads, dim=1)
        value = value.repeat_interleave(heads // kv_heads, dim=1)
    scale = model.get("attention_scale", 1 / math.sqrt(size))
    cap = model.get("attention_softcap")
    if fused and not local and cap is None:
        result = F.scaled_dot_product_attention(query, key, value, is_causal=True, scale=scale)
    else:
        scores = query @ key.transpose(-1, -2) * scale
        scores = scores if cap is None else cap * (scores / cap).tanh()
        hidden = torch.ones(time, time, dtype=torch.bool).triu(1)
        if local:
            hidden |= torch.ones(time, time, dtype=torch.bool).tril(-window)
        result = scores.masked_fill(hidden, -math.inf).softmax(-1) @ value
    return linear(weights, f"{name}.output", result.transpose(1, 2).reshape(batch, time, heads * size))


ACTIVATIONS = {
    "gelu_exact": lambda x: F.gelu(x),
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "relu": lambda x: x.relu(),
    "relu_squared": lambda x: x.relu().square(),
    "silu": lambda x: F.silu(x),
}
GATES = {"swiglu": ACTIVATIONS["silu"], "geglu": ACTIVATIONS["gelu_tanh"]}


def mlp(model, weights, name, x):
    """The feed-forward part, plain or gated."""
    settings = model["mlp"]
    up = linear(weights, f"{name}.up", x)
    gate = settings.get("gate", "none")
    if gate == "none":
        hidden = ACTIVATIONS[settings.get("activation", "gelu_exact")](up)
    else:
        gates, values = up.chunk(2, dim=-1)
        hidden = GATES[gate](gates) * values
    return linear(weights, f"{name}.down", hidden)


def stream(model, weights, tokens, fused=False):
    """What the head reads [B, T, C] of tokens [B, T]; dropout is not part of the referee."""
    x = F.embedding(tokens, weights["embedding.tokens"])
    kind = model["position"]["kind"]
    if kind == "learned":
        x = x + weights["embedding.positions"][: tokens.shape[1]]
    elif kind == "sinusoidal":
        x = x + sinusoids(tokens.shape[1], model["width"], x.dtype)
    x = x * model.get("embedding_scale", 1.0)
    placement = model["norm"].get("placement", "pre")
    residual, factor = model.get("residual", "sequential"), model.get("residual_scale", 1.0)
    for index in range(model["layers"]):
        first, second = f"blocks.{index}.attention", f"blocks.{index}.mlp"

        def attend(x, name=first, index=index):
            return attention(model, weights, name, x, fused, index)

        def feed(x, name=second):
            return mlp(model, weights, name, x)

        def norm(name, x, part="norm"):
            return normalise(model, weights, f"{name}.{part}", x)

        if residual != "sequential":
            normed = norm(first, x)
            other = normed if residual == "parallel_one_norm" else norm(second, x)
            x = x + factor * attend(normed) + factor * feed(other)
            continue
        for name, part in ((first, attend), (second, feed)):
            if placement == "post":
                x = norm(name, x + factor * part(x))
            elif placement == "output":
                x = x + factor * norm(name, part(x))
            elif placement == "sandwich":
                x = x + factor * norm(name, part(norm(name, x)), "output_norm")
            else:
                x = x + factor * part(norm(name, x))
    return x if placement == "post" else normalise(model, weights, "norm", x)


def forward(model, weights, tokens, fused=False):
    """Logits [B, T, V] of tokens [B, T]."""
    x = stream(model, weights, tokens, fused)
    head = weights["embedding.tokens"] if model.get("tied_head", True) else weights["head.weight"]
    logits = F.linear(x, head, weights.get("head.bias")) / model.get("logit_divisor", 1.0)
    cap = model.get("logit_softcap")
    return logits if cap is None else cap * (logits / cap).tanh()


def cross_entropy(logits, targets, label_smoothing=0.0, ignore_index=None):
    """Mean loss over the targets that count. `ignore_index` is a u32; ids are int32, so 2³² − 1 reads as −1."""
    ignored = -100 if ignore_index is None else (-1 if ignore_index == 2**32 - 1 else ignore_index)
    return F.cross_entropy(
        logits.reshape(-1, logits.shape[-1]),
        targets.reshape(-1).long(),
        label_smoothing=label_smoothing,
        ignore_index=ignored,
    )


def learning_rate_at(train, step):
    """Learning rate of `step`, counted from 0: nanoGPT's warm-up, then a cosine or a constant."""
    peak, low = train["learning_rate"], train.get("min_learning_rate", 0.0)
    warmup = train.get("warmup_steps", 0)
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    decay = train.get("decay", "cosine")
    if decay == "constant":
        return peak
    if decay != "cosine":
        raise SystemExit(f"train.decay = {decay!r}: the referee knows cosine and constant")
    share = min((step - warmup) / max(train["steps"] - warmup, 1), 1.0)
    return low + 0.5 * (1.0 + math.cos(math.pi * share)) * (peak - low)


def adamw(train, weights, kind=torch.optim.AdamW, **options):
    """AdamW over a dictionary of weights; decay on matrices and embeddings only."""
    decayed = [weight for weight in weights.values() if weight.dim() >= 2]
    plain = [weight for weight in weights.values() if weight.dim() < 2]
    groups = [
        {"params": decayed, "weight_decay": train.get("weight_decay", 0.0)},
        {"params": plain, "weight_decay": 0.0},
    ]
    return kind(
        [group for group in groups if group["params"]],
        lr=train["learning_rate"],
        betas=(train.get("beta1", 0.9), train.get("beta2", 0.95)),
        eps=train.get("eps", 1e-8),
        **options,
    )


class Muon(torch.optim.Optimizer):
    """torch.optim.Muon with its defaults and `match_rms_adamw`, in the precision of the weights instead of bfloat16, for each of the matrices
    that a parameter stacks; `stacked` maps a parameter to their numbers of rows."""

    def __init__(self, matrices, lr, weight_decay, stacked=None):
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay})
        self.stacked = stacked or {}

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for weight in group["params"]:
                momentum = self.state[weight].setdefault("momentum_buffer", torch.zeros_like(weight))
                momentum.lerp_(weight.grad, 1 - 0.95)
                update = weight.grad.lerp(momentum, 0.95)
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                rows = self.stacked.get(weight, [len(weight)])
                for matrix, x in zip(weight.split(rows), update.split(rows)):
                    tall = x.shape[0] > x.shape[1]
                    x = x.T if tall else x
                    x = x / x.norm().clamp(min=1e-7)
                    for _ in range(5):
                        gram = x @ x.T
                        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
                    matrix.sub_(x.T if tall else x, alpha=group["lr"] * 0.2 * max(x.shape) ** 0.5)


def muon(model, train, weights):
    """The optimizers of `train.optimizer = "muon"`: Muon for the matrices of blocks, AdamW for the rest."""
    heads = [model["heads"] * model["head_size"], *[model["kv_heads"] * model["head_size"]] * 2]
    gated = [model["mlp"]["hidden"]] * (1 if model["mlp"].get("gate", "none") == "none" else 2)
    rows = {"attention.qkv.weight": heads, "mlp.up.weight": gated}
    stacked = {weight: rows[end] for name, weight in weights.items() for end in rows if name.endswith(end)}
    hidden = {name: weight for name, weight in weights.items() if name.startswith("blocks.") and weight.dim() == 2}
    rest = {name: weight for name, weight in weights.items() if name not in hidden}
    return [Muon(hidden.values(), train["learning_rate"], train.get("weight_decay", 0.0), stacked), adamw(train, rest)]
