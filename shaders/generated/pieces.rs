// Written by `cargo run --release -p glasshouse-shaders --example generate`.

pub(crate) const W000E537A: &str = r#"struct Arguments {
    rows: u32,
    experts: u32,
    renormalise: u32
}
"#;
pub(crate) const W005C8EA1: &str = r#"
@group(0) @binding(7)
var<storage, read_write> dx: array<f32>;
"#;
pub(crate) const W010CBFBE: &str = r#"
@compute @workgroup_size(256)
fn jump_relu(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    let row = at / arguments.columns;
    if row >= arguments.rows {
        return;
    }
    let threshold = exp(log_threshold[at % arguments.columns]);
    let entry = x[at];
    y[at] = select(0.0, entry, entry > threshold);
}
"#;
pub(crate) const W0149B520: &str = r#"
fn counts(at: u32) -> bool {
    return targets[control.row * 2u * arguments.pairs * arguments.time + at] != arguments.ignored;
}
"#;
pub(crate) const W02648519: &str = r#"
@group(0) @binding(1)
var<storage, read> dy: array<Stored>;
"#;
pub(crate) const W02BE1858: &str = r#"alias Result = vec4<f16>;
"#;
pub(crate) const W04F21597: &str = r#"
@compute @workgroup_size(64)
fn row_norm(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_number(group);
    if row >= arguments.rows {
        return;
    }
    var squares = 0.0;
    for (var column = local; column < arguments.columns; column += 64u) {
        var change = 0.0;
        for (var k = 0u; k < arguments.rank; k++) {
            change += b[row * arguments.rank + k] * a[k * arguments.columns + column];
        }
        let adapted = w[row * arguments.columns + column] + arguments.factor * change;
        squares += adapted * adapted;
    }
    let sum = sum_of_group(squares, local, 64u);
    if local == 0u {
        y[row] = select(1.0 / sqrt(sum), 0.0, sum == 0.0);
    }
}
"#;
pub(crate) const W051304C3: &str = r#"
fn slope_by(kind: u32, x: Entry) -> Entry {
    switch kind {
        case GELU_EXACT {
            return gelu_exact_slope(x);
        }
        case GELU_TANH {
            return gelu_tanh_slope(x);
        }
        case RELU {
            return select(Entry(0.0), Entry(1.0), x > Entry(0.0));
        }
        case RELU_SQUARED {
            return 2.0 * max(x, Entry(0.0));
        }
        case default {
            return silu_slope(x);
        }
    }
}
"#;
pub(crate) const W0580BBFA: &str = r#"
fn store_entry(at: u32, channel: u32, value: f32) {
    if channel < arguments.head_size {
        y[at + channel] = Stored(value);
    }
}
"#;
pub(crate) const W05D7EE37: &str = r#"
@compute @workgroup_size(64)
fn weigh_experts_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_number(group);
    if row >= arguments.rows {
        return;
    }
    let start = row * arguments.hidden;
    let gate = gates[row];
    var sum = 0.0;
    for (var j = local; j < arguments.hidden; j += LANES) {
        let slope = dy[start + j];
        dh[start + j] = select(gate * slope, 0.0, gate == 0.0);
        sum += select(h[start + j] * slope, 0.0, gate == 0.0);
    }
    let total = sum_of_row(sum, local);
    if local == 0u {
        dgates[row] = total;
    }
}
"#;
pub(crate) const W05FC48B3: &str = r#"struct Arguments {
    rows: u32,
    channels: u32,
    eps: f32,
    offset: f32,
    biased: u32
}
"#;
pub(crate) const W065C1E47: &str = r#"
@group(0) @binding(5)
var<storage, read> rows: array<vec2<f32>>;
"#;
pub(crate) const W06E928D0: &str = r#"
fn exp_less_one(x: f32) -> f32 {
    let series = x * (1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0 * (1.0 + x / 6.0)))));
    return select(exp(min(x, 80.0)) - 1.0, series, abs(x) < 0.25);
}
"#;
pub(crate) const W07ADB682: &str = r#"
@group(0) @binding(5)
var<storage, read_write> tokens: array<u32>;
"#;
pub(crate) const W08200387: &str = r#"
@compute @workgroup_size(256)
fn gate(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        let first = at / arguments.hidden * 2u * arguments.hidden + at % arguments.hidden;
        y[at] = Stored(activated_by(arguments.kind, Entry(x[first])) * Entry(x[first + arguments.hidden]));
    }
}
"#;
pub(crate) const W082EFEFB: &str = r#"
fn run_sum(begin: u32, first: u32, step: u32, length: u32, column: u32) -> Entry {
    var sum = Entry(0.0);
    for (var at = first; at < length; at += step) {
        sum += dy[order[begin + at] * arguments.channels + column];
    }
    return sum;
}
"#;
pub(crate) const W085059D2: &str = r#"
var<workgroup> lane_sums: array<f32, LANES>;
"#;
pub(crate) const W0856254C: &str = r#"
const INVOCATIONS: u32 = 256u;
"#;
pub(crate) const W08ED9D78: &str = r#"
fn store_one(slice: u32, row: u32, column: u32, sum: f32) {
    if row < arguments.rows && column < arguments.columns {
        let at = ((slice + product) * arguments.rows + row) * arguments.columns + column;
        var value = sum;
        let residual = arguments.residual == 1u;
        value = select(value, value + r[select(0u, at, residual)], residual);
        value += select(0.0, f32(dx[at]), arguments.accumulate == 1u);
        dx[at] = Result(value);
    }
}
"#;
pub(crate) const W09BB2A69: &str = r#"alias StoredX = vec4<f16>;
"#;
pub(crate) const W0A90DF2C: &str = r#"
@group(0) @binding(8)
var<storage, read_write> dqkv: array<Stored>;
"#;
pub(crate) const W0ACCB311: &str = r#"
fn lse_of(plane: u32, t: vec4<u32>) -> vec4<f32> {
    let at = vec4<u32>(plane * arguments.time) + t;
    return vec4<f32>(lse[at.x], lse[at.y], lse[at.z], lse[at.w]);
}
"#;
pub(crate) const W0B04FDF7: &str = r#"
struct Arguments {
    count: u32,
    site: u32,
    threshold: u32,
    scale: f32
}
"#;
pub(crate) const W0B4A545D: &str = r#"
fn dy_guarded(step: u32, row: u32) -> vec4<f32> {
    return select(vec4<f32>(), dy_columns(min(step, arguments.inner - 1u), row), step < arguments.inner);
}
"#;
pub(crate) const W0B85CA4D: &str = r#"
@compute @workgroup_size(16)
fn sum_rows(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    sums(group, local);
}
"#;
pub(crate) const W0C09C968: &str = r#"
@group(0) @binding(6)
var<storage, read_write> softened: array<vec2<f32>>;
"#;
pub(crate) const W0D1D47C4: &str = r#"
fn staged_place(index: u32) -> vec2<u32> {
    return vec2<u32>(index % 8u * 4u, index / 64u * DEPTH + index / 8u % 4u * 4u);
}
"#;
pub(crate) const W0D6B5DC7: &str = r#"
fn group_number(group: vec3<u32>) -> u32 {
    return group.y * GROUPS_IN_ROW + group.x;
}
"#;
pub(crate) const W0E0B2FBC: &str = r#"
@group(0) @binding(7)
var<storage, read_write> written: array<u32>;
"#;
pub(crate) const W0EB92106: &str = r#"
const ROOT_HALF: f32 = 0.7071067812;
"#;
pub(crate) const W0ECACF76: &str = r#"
alias Right = vec4<f16>;
"#;
pub(crate) const W0F0791D5: &str = r#"
@group(0) @binding(5)
var<storage, read_write> result: array<f32>;
"#;
pub(crate) const W0F935709: &str = r#"
@group(0) @binding(8)
var<storage, read_write> dx: array<f32>;
"#;
pub(crate) const W10263292: &str = r#"struct Arguments {
    rows: u32,
    time: u32,
    heads: u32,
    head_size: u32,
    parts: u32
}
"#;
pub(crate) const W102C8370: &str = r#"
fn quant_words(quads: u32) -> u32 {
    return quads;
}
"#;
pub(crate) const W10B78581: &str = r#"
alias Operand = vec4<f16>;
"#;
pub(crate) const W10BFAA5C: &str = r#"
const GELU_TANH: u32 = 1u;
"#;
pub(crate) const W10EDD64A: &str = r#"
fn widened(word: u32) -> f32 {
    let exponent = (word >> 10u) & 31u;
    let mantissa = word & 1023u;
    let small = f32(mantissa) * 5.960464477539063e-8;
    let magnitude = select(bitcast<f32>(((exponent + 112u) << 23u) | (mantissa << 13u)), small, exponent == 0u);
    return bitcast<f32>(bitcast<u32>(magnitude) | ((word & 32768u) << 16u));
}
"#;
pub(crate) const W11F24865: &str = r#"
fn quad(row: u32, quads: u32, k: u32) -> vec4<f32> {
    let words = quant_words(quads);
    let start = row * (words + (quads / 8u + 1u) / 2u);
    let scale = widened((w[start + words + k / 16u] >> (k / 8u % 2u * 16u)) & 65535u);
    {
        let quants = w[start + k];
        let bytes = bitcast<vec4<i32>>(vec4<u32>(quants << 24u, quants << 16u, quants << 8u, quants));
        return vec4<f32>(bytes >> vec4<u32>(24u)) * scale;
    }
}
"#;
pub(crate) const W1202945E: &str = r#"
fn sums(group: vec3<u32>, local: u32) {
    let column = column_of(group, local);
    let inside = column < arguments.columns;
    var sum = Entry(0.0);
    for (var block = first_row(local); inside && block < arguments.rows; block += BLOCK * STEP) {
        var block_sum = Entry(0.0);
        let end = min(block + BLOCK * STEP, arguments.rows);
        for (var row = block; row < end; row += STEP) {
            block_sum += Entry(dy[row * arguments.columns + column]);
        }
        sum += block_sum;
    }
    sum = sum_of_column(sum, local);
    if inside && first_row(local) == 0u {
        if arguments.accumulate == 1u {
            sum += Entry(dx[column]);
        }
        dx[column] = Result(sum);
    }
}
"#;
pub(crate) const W135A3C24: &str = r#"struct Arguments {
    by: u32
}
"#;
pub(crate) const W13609F11: &str = r#"
fn key(entry: f32) -> u32 {
    return select(0u, bitcast<u32>(entry), entry > 0.0);
}
"#;
pub(crate) const W142438D5: &str = r#"
@compute @workgroup_size(256)
fn router_loss(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_number(group) * 256u + local;
    if row >= arguments.rows {
        return;
    }
    let start = row * arguments.experts;
    var largest = x[start];
    for (var e = 1u; e < arguments.experts; e += 1u) {
        largest = max(largest, x[start + e]);
    }
    var whole = 0.0;
    var loaded = 0.0;
    for (var e = 0u; e < arguments.experts; e += 1u) {
        let exponential = exp(x[start + e] - largest);
        whole += exponential;
        loaded += load[e] * exponential;
    }
    loaded /= whole;
    let lse = largest + log(whole);
    let balance = arguments.balance * f32(arguments.experts);
    let factor = arguments.factor * shares[control.row * arguments.rows + row];
    result[row] = factor * (balance * loaded + arguments.z * lse * lse);
}
"#;
pub(crate) const W14470637: &str = r#"
fn safe_tanh(x: Entry) -> Entry {
    return tanh(clamp(x, Entry(-10.0), Entry(10.0)));
}
"#;
pub(crate) const W148953AA: &str = r#"enable f16;
"#;
pub(crate) const W15135189: &str = r#"
fn gelu_exact_of(x: Entry) -> Entry {
    return 0.5 * x * (1.0 + error_function(x * ROOT_HALF));
}
"#;
pub(crate) const W16322FA3: &str = r#"
var<workgroup> query: array<f32, 256>;
"#;
pub(crate) const W16784D61: &str = r#"
fn right(column: u32, step: u32) -> mat4x4<f32> {
    let columns = mat4x4<f32>(w_steps(column, step), w_steps(column + 1u, step), w_steps(column + 2u, step), w_steps(column + 3u, step));
    return transpose(columns);
}
"#;
pub(crate) const W16E1FFBF: &str = r#"
const COLUMNS: u32 = 4u;
"#;
pub(crate) const W17B82988: &str = r#"
@compute @workgroup_size(64)
fn linear_input_backward_cooperative(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let slice = group_number(group) / arguments.tiles;
    let steps = slice_steps(slice);
    if steps.x >= arguments.inner {
        return;
    }
    let tile = tile_corner(group_number(group) % arguments.tiles, arguments.column_tiles, SIDE);
    let own = own_subgroup(index);
    for (var turn = 0u; turn < own.turns; turn += 1u) {
        let part = own.number + turn * own.count;
        let part_row = part * PART_ROWS * EDGE;
        var sums = Sums();
        for (var first = steps.x; first < steps.y; first += DEPTH) {
            workgroupBarrier();
            for (var at = index; at < SIDE * DEPTH / 4u; at += 4u * INVOCATIONS) {
                stage(tile, first, at, steps.y);
                stage(tile, first, at + INVOCATIONS, steps.y);
                stage(tile, first, at + 2u * INVOCATIONS, steps.y);
                stage(tile, first, at + 3u * INVOCATIONS, steps.y);
            }
            workgroupBarrier();
            if part < PARTS {
                for (var step = 0u; step < DEPTH; step += EDGE) {
                    add_products(&sums, left_along(part_row, step), right_across(step));
                }
            }
        }
        for (var half_row = 0u; half_row < 2u * PART_ROWS; half_row += 1u) {
            workgroupBarrier();
            if part < PARTS {
                keep(&sums, own, half_row);
            }
            workgroupBarrier();
            if part < PARTS {
                let row = tile.x + part_row + half_row / 2u * EDGE;
                let column = tile.y + half_row % 2u * KEPT_COLUMNS;
                for (var at = 4u * own.lane; at < EDGE * KEPT_COLUMNS; at += 4u * INVOCATIONS / own.count) {
                    store_row(slice, row + at / KEPT_COLUMNS, column + at % KEPT_COLUMNS, kept_four(own, at));
                }
            }
        }
    }
}
"#;
pub(crate) const W17F15460: &str = r#"
struct ScheduleRow {
    learning_rate: f32,
    first_correction: f32,
    second_correction: f32,
    counted: f32,
    seed: vec2<u32>,
    reserved: vec2<u32>
}
"#;
pub(crate) const W183544DE: &str = r#"
fn stages_right(index: u32) -> bool {
    return true;
}
"#;
pub(crate) const W18BF1AF4: &str = r#"
@compute @workgroup_size(256)
fn cross_entropy_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    let row = at / arguments.vocabulary;
    if row < arguments.rows {
        let goal = targets[control.row * arguments.all_rows + arguments.first_row + row];
        let right = select(0.0, 1.0 - arguments.smoothing, at % arguments.vocabulary == goal);
        let wanted = right + arguments.smoothing / f32(arguments.vocabulary);
        let scale = arguments.scale * control.loss_scale;
        var factor = 0.0;
        if arguments.weighted == 1u {
            factor = scale * share[arguments.first_row + row];
        }
        else {
            factor = scale / select(share[1], 1.0, share[1] == 0.0);
        }
        let gradient = factor * (exp(logits[at] - rows[row].x) - wanted);
        let ignored = arguments.ignoring == 1u && goal == arguments.ignored;
        dx[at] = Stored(select(gradient, 0.0, ignored));
    }
}
"#;
pub(crate) const W18FC489B: &str = r#"
const BLOCK: u32 = 64u;
"#;
pub(crate) const W19486F73: &str = r#"
@compute @workgroup_size(64)
fn distil(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_number(group);
    if row >= arguments.rows {
        return;
    }
    let start = row * arguments.vocabulary;
    let share = 1.0 / arguments.temperature;
    var most = logits[start];
    var most_taught = teacher[start];
    for (var j = local; j < arguments.vocabulary; j += 64u) {
        most = max(most, logits[start + j]);
        most_taught = max(most_taught, teacher[start + j]);
    }
    most = max_of_group(most, local, 64u);
    most_taught = max_of_group(most_taught, local, 64u);
    var plain = 0.0;
    var soft = 0.0;
    var taught = 0.0;
    for (var j = local; j < arguments.vocabulary; j += 64u) {
        let below = logits[start + j] - most;
        plain += exp(below);
        soft += exp(below * share);
        taught += exp((teacher[start + j] - most_taught) * share);
    }
    let lse = most + log(sum_of_group(plain, local, 64u));
    let log_soft = log(sum_of_group(soft, local, 64u));
    let log_taught = log(sum_of_group(taught, local, 64u));
    var apart = 0.0;
    for (var j = local; j < arguments.vocabulary; j += 64u) {
        let own = (logits[start + j] - most) * share - log_soft;
        let other = (teacher[start + j] - most_taught) * share - log_taught;
        apart += exp(other) * (other - own);
    }
    let divergence = sum_of_group(apart, local, 64u);
    if local == 0u {
        let goal = targets[control.row * arguments.rows + row];
        let right = logits[start + min(goal, arguments.vocabulary - 1u)];
        let scale = arguments.mix * arguments.temperature * arguments.temperature;
        let loss = (1.0 - arguments.mix) * (lse - right) + scale * divergence;
        let ignored = arguments.ignoring == 1u && goal == arguments.ignored;
        rows[row] = vec2<f32>(lse, select(loss, 0.0, ignored));
        softened[row] = vec2<f32>(most * share + log_soft, most_taught * share + log_taught);
    }
}
"#;
pub(crate) const W19EA706F: &str = r#"
@compute @workgroup_size(256)
fn route(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_number(group) * 256u + local;
    if row >= arguments.rows {
        return;
    }
    let start = row * arguments.experts;
    var largest = x[start];
    for (var e = 1u; e < arguments.experts; e += 1u) {
        largest = max(largest, x[start + e]);
    }
    var all = 0.0;
    for (var e = 0u; e < arguments.experts; e += 1u) {
        all += exp(x[start + e] - largest);
    }
    var chosen = 0.0;
    for (var e = 0u; e < arguments.experts; e += 1u) {
        let own = x[start + e];
        var before = 0u;
        for (var other = 0u; other < arguments.experts; other += 1u) {
            let logit = x[start + other];
            before += select(0u, 1u, logit > own || (logit == own && other < e));
        }
        let gate = select(0.0, exp(own - largest), before < arguments.per_token);
        y[start + e] = gate;
        chosen += gate;
    }
    let whole = select(all, chosen, arguments.renormalise == 1u);
    for (var e = 0u; e < arguments.experts; e += 1u) {
        y[start + e] /= whole;
    }
}
"#;
pub(crate) const W1A2DD759: &str = r#"struct Arguments {
    first: u32,
    distance: u32,
    place: u32,
    rows: u32,
    columns: u32,
    transposed: u32,
    momentum: f32,
    rest: f32
}
"#;
pub(crate) const W1AA7298A: &str = r#"
@compute @workgroup_size(64)
fn linear_few(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group);
    if at >= arguments.count {
        return;
    }
    let row = at / arguments.columns * arguments.inner;
    let output = at % arguments.columns;
    var products = Entry(0.0);
    for (var k = local; k < arguments.inner; k += LANES) {
        products += x[row + k] * weights(output, k);
    }
    var value = sum_of_row(total(products), local);
    if local == 0u {
        let place = at / arguments.columns * arguments.stride + at % arguments.columns;
        let biased = arguments.biased == 1u;
        let residual = arguments.residual == 1u;
        value = select(value, value + b[select(0u, output, biased)], biased);
        value = select(value, value + r[select(0u, place, residual)], residual);
        y[place] = value;
    }
}
"#;
pub(crate) const W1ABD980C: &str = r#"
@compute @workgroup_size(256)
fn dropout(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        let mask = factor(at);
        var kept = Entry(x[at]) * mask;
        y[at] = StoredY(kept);
    }
}
"#;
pub(crate) const W1B2B5E73: &str = r#"
fn x_entry(start: u32, step: u32, k: u32) -> f32 {
    return select(0.0, x[start + k], step + k < arguments.inner);
}
"#;
pub(crate) const W1B34689B: &str = r#"struct Arguments {
    rows: u32,
    columns: u32,
    bandwidth: f32,
    penalty: f32,
    ignoring: u32,
    ignored: u32
}
"#;
pub(crate) const W1C93FFA7: &str = r#"
@group(0) @binding(2)
var<storage, read> query_scale: array<f32>;
"#;
pub(crate) const W1CE85927: &str = r#"
fn left_along(row: u32, step: u32) -> LeftMatrices {
    return LeftMatrices(left_along_matrix(row, step), left_along_matrix(row + EDGE, step));
}
"#;
pub(crate) const W1CF4A163: &str = r#"
@group(0) @binding(2)
var<storage, read_write> x: array<vec4<f32>>;
"#;
pub(crate) const W1D208A13: &str = r#"
fn w_entry(start: u32, step: u32, k: u32) -> f32 {
    return select(0.0, w[start + k], step + k < arguments.inner);
}
"#;
pub(crate) const W1DA1DE4A: &str = r#"
var<workgroup> delta_halves: array<array<f32, SIDE>, 2>;
"#;
pub(crate) const W1E68CC6F: &str = r#"
fn stages_left(index: u32) -> bool {
    return true;
}
"#;
pub(crate) const W1ED51749: &str = r#"
const WIDTH: u32 = 1u;
"#;
pub(crate) const W1F3FA7DF: &str = r#"
fn gelu_tanh_of(x: Entry) -> Entry {
    let u = ROOT_2_OVER_PI * (x + CUBIC * x * x * x);
    return 0.5 * x * (1.0 + safe_tanh(u));
}
"#;
pub(crate) const W1F7D8D93: &str = r#"
alias Number = f16;
"#;
pub(crate) const W1F7F7551: &str = r#"
var<workgroup> right_tile: array<array<vec4<f32>, 8>, DEPTH>;
"#;
pub(crate) const W1FCA36C7: &str = r#"
fn queries_from(window: u32, plane: u32, first: u32, deltas: vec4<f32>) -> Queries {
    let t = positions_from(first);
    return Queries(t, document_starts(window, t), lse_of(plane, t), deltas);
}
"#;
pub(crate) const W202CC7F7: &str = r#"
fn dy_entry(step: u32, row: u32) -> f32 {
    return dy[step * arguments.stride + min(row, arguments.rows - 1u)];
}
"#;
pub(crate) const W207A1F0F: &str = r#"
@group(0) @binding(5)
var<storage, read_write> y: array<f32>;
"#;
pub(crate) const W207F395B: &str = r#"
fn sum_of_group(value: f32, local: u32, size: u32) -> f32 {
    lanes[local] = value;
    workgroupBarrier();
    for (var half = size / 2u; half > 0u; half /= 2u) {
        if local < half {
            lanes[local] += lanes[local + half];
        }
        workgroupBarrier();
    }
    let sum = lanes[0];
    workgroupBarrier();
    return sum;
}
"#;
pub(crate) const W20827139: &str = r#"
fn max_of_row(value: f32, local: u32) -> f32 {
    return max_of_group(value, local, LANES);
}
"#;
pub(crate) const W208FAC07: &str = r#"
fn w_columns(step: u32, column: u32) -> vec4<f32> {
    let inside = product * arguments.inner + min(step, arguments.inner - 1u);
    let columns = vec4<f32>(w_entry(inside, column), w_entry(inside, column + 1u), w_entry(inside, column + 2u), w_entry(inside, column + 3u));
    return columns;
}
"#;
pub(crate) const W21C5C6E4: &str = r#"
const COLUMNS: u32 = 16u;
"#;
pub(crate) const W22191FA4: &str = r#"
alias Stored = f32;
"#;
pub(crate) const W227E8FC1: &str = r#"
fn mix_bits(start: u32) -> u32 {
    var x = start;
    x ^= x >> 16u;
    x *= 2146121005u;
    x ^= x >> 15u;
    x *= 2221713035u;
    return x ^ (x >> 16u);
}
"#;
pub(crate) const W228991E1: &str = r#"
var<workgroup> sums: array<Entry, 256>;
"#;
pub(crate) const W22F1D1AF: &str = r#"
fn masked(products: vec4<f32>, t: vec4<u32>, documents: vec4<u32>, key: u32) -> vec4<f32> {
    let j = vec4<u32>(key);
    let sees = (documents <= j) & (j <= t) & (t - j < vec4<u32>(arguments.seen));
    return select(vec4<f32>(MIN_SCORE), capped(products * arguments.scale), sees);
}
"#;
pub(crate) const W230ACB1E: &str = r#"
@group(0) @binding(5)
var<storage, read> starts: array<u32>;
"#;
pub(crate) const W241087D0: &str = r#"const LANES: u32 = 64u;
"#;
pub(crate) const W241E96AB: &str = r#"
@compute @workgroup_size(256)
fn cast_f16(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        y[at] = vec4<f16>(x[at]);
    }
}
"#;
pub(crate) const W248E4E76: &str = r#"
@group(0) @binding(3)
var<storage, read> gradients: array<vec4<f32>>;
"#;
pub(crate) const W24A8D4AD: &str = r#"struct Arguments {
    count: u32,
    clip: f32,
    interval: u32
}
"#;
pub(crate) const W24CA3E93: &str = r#"
@group(0) @binding(7)
var<storage, read> dy: array<Stored>;
"#;
pub(crate) const W25180BEE: &str = r#"
@group(0) @binding(3)
var<storage, read> teacher: array<f32>;
"#;
pub(crate) const W2527EA64: &str = r#"
fn kept(seed: vec2<u32>, numbers: vec4<u32>) -> vec4<f32> {
    if arguments.dropout == 0u {
        return vec4<f32>(1.0);
    }
    let bits = vec4<u32>(random_bits(seed, arguments.site, numbers.x), random_bits(seed, arguments.site, numbers.y), random_bits(seed, arguments.site, numbers.z), random_bits(seed, arguments.site, numbers.w));
    return select(vec4<f32>(arguments.keep_scale), vec4<f32>(), bits < vec4<u32>(arguments.threshold));
}
"#;
pub(crate) const W25A4E158: &str = r#"
fn stage_right(at: u32, numbers: Four) {
    {
        right_tile[at] = numbers.x;
        right_tile[at + 1u] = numbers.y;
        right_tile[at + 2u] = numbers.z;
        right_tile[at + 3u] = numbers.w;
    }
}
"#;
pub(crate) const W25CD389A: &str = r#"
fn positions_from(first: u32) -> vec4<u32> {
    return min(vec4<u32>(first) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(arguments.time - 1u));
}
"#;
pub(crate) const W260710EA: &str = r#"
@group(0) @binding(2)
var<storage, read_write> y: array<f32>;
"#;
pub(crate) const W263D55F6: &str = r#"
alias Entry = vec4<f32>;
"#;
pub(crate) const W265C5D9D: &str = r#"@compute @workgroup_size(INVOCATIONS)
fn linear_tiled(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    product = group.z;
    let tile = tile_corner(group_number(group), arguments.column_tiles, SIDE);
    if tile.x >= arguments.rows {
        return;
    }
    let corner = block_corner(index % 64u, 8u);
    let staged = staged_place(index);
    var blocks = Blocks();
    for (var first = 0u; first < arguments.inner; first += STEPS) {
        let step = first + staged.y;
        var staged_left = mat4x4<f32>();
        var staged_right = mat4x4<f32>();
        if step < arguments.inner && stages_left(index) {
            staged_left = left(tile.x + staged.x, step);
        }
        if step < arguments.inner && stages_right(index) {
            staged_right = right(tile.y + staged.x, step);
        }
        stage(index, staged_left, staged_right);
        workgroupBarrier();
        multiply_staged(&blocks, index);
        workgroupBarrier();
    }
    let row = tile.x + corner.x;
    let column = tile.y + corner.y;
    {
        store(row, column, blocks.here);
        store(row, column + 32u, blocks.right);
        store(row + 32u, column, blocks.down);
        store(row + 32u, column + 32u, blocks.across);
    }
}
"#;
pub(crate) const W26F0272E: &str = r#"
alias Result = vec4<f16>;
"#;
pub(crate) const W274FE0DB: &str = r#"
const ROOT_1_OVER_2_PI: f32 = 0.3989422804;
"#;
pub(crate) const W277C32A9: &str = r#"struct Arguments {
    pairs: u32,
    time: u32,
    ignored: u32,
    kind: u32,
    beta: f32,
    margin: f32,
    center: f32,
    scores: u32,
    tie: f32
}
"#;
pub(crate) const W2841F704: &str = r#"
fn dy_entry(at: u32, channel: u32) -> f32 {
    return select(0.0, f32(dy[at + min(channel, arguments.head_size - 1u)]), channel < arguments.head_size);
}
"#;
pub(crate) const W28A7B4AB: &str = r#"
fn first_row(local: u32) -> u32 {
    return local / COLUMNS;
}
"#;
pub(crate) const W28AD0593: &str = r#"
@group(0) @binding(6)
var<storage, read> cursor: array<Cursor>;
"#;
pub(crate) const W28BEA53E: &str = r#"
fn error_function(argument: Entry) -> Entry {
    let x = clamp(argument, Entry(-4.0), Entry(4.0));
    let s = x * x;
    var above = Entry(-2.72614225801306e-10);
    above = above * s + 2.77068142495902e-8;
    above = above * s - 2.10102402082508e-6;
    above = above * s - 5.69250639462346e-5;
    above = above * s - 0.000734990630326855;
    above = above * s - 0.00295459980854025;
    above = above * s - 0.0160960333262415;
    var below = Entry(-1.45660718464996e-5);
    below = below * s - 0.000213374055278905;
    below = below * s - 0.00168282697438203;
    below = below * s - 0.00737332916720468;
    below = below * s - 0.0142647390514189;
    return x * above / below;
}
"#;
pub(crate) const W28E8573F: &str = r#"
@compute @workgroup_size(256)
fn add(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        y[at] = a[at] + b[at];
    }
}
"#;
pub(crate) const W2A144ED8: &str = r#"
@group(0) @binding(6)
var<storage, read_write> history: array<u32>;
"#;
pub(crate) const W2A50CB39: &str = r#"
fn document_start(row: u32) -> u32 {
    let documents = arguments.documents == 1u;
    let at = control.row * arguments.batch * arguments.time + row;
    return select(0u, starts[select(0u, at, documents)], documents);
}
"#;
pub(crate) const W2B285989: &str = r#"
fn capped(scores: vec4<f32>) -> vec4<f32> {
    if arguments.capped == 0u {
        return scores;
    }
    return softcapped_four(scores, arguments.softcap);
}
"#;
pub(crate) const W2BBF268D: &str = r#"
fn stage_deltas(window: u32, first: u32, head: u32, own: u32, other: u32) {
    let row = window + min(first + 4u * own + other % 4u, arguments.time - 1u);
    let channels = arguments.head_size / WIDTH;
    let begin = (row * arguments.heads + head) * channels;
    var sum = 0.0;
    for (var at = begin + other / 4u; at < begin + channels; at += 2u) {
        sum += f32(dy[at]) * f32(y[at]);
    }
    delta_halves[other / 4u][4u * own + other % 4u] = sum;
}
"#;
pub(crate) const W2BFAD6BF: &str = r#"
@group(0) @binding(7)
var<storage, read_write> reports: array<ReportRow>;
"#;
pub(crate) const W2CA8F197: &str = r#"
@group(0) @binding(4)
var<storage, read_write> y: array<Entry>;
"#;
pub(crate) const W2CCC3C8D: &str = r#"
fn first_entry(row: u32, group: u32, queries: u32, query_size: u32, keys: u32, key_size: u32) -> u32 {
    let key_start = queries * query_size;
    let column = select(key_start + (group - queries) * key_size, group * query_size, group < queries);
    return row * (key_start + 2u * keys * key_size) + column;
}
"#;
pub(crate) const W2CE382E2: &str = r#"
@compute @workgroup_size(LANES)
fn decode_feed(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group.x;
    let text = settings[row].text;
    if text == IDLE {
        for (var t = local; t < arguments.time; t += LANES) {
            tokens[row * arguments.time + t] = 0u;
        }
        if local == 0u {
            cursor[row] = Cursor(0u, 0u, 0u);
        }
        return;
    }
    let length = state[text].length;
    let start = min(state[text].read, length);
    let count = min(length - start, arguments.time);
    storageBarrier();
    for (var t = local; t < arguments.time; t += LANES) {
        let position = start + min(t, max(count, 1u) - 1u);
        tokens[row * arguments.time + t] = history[text * arguments.capacity + position % arguments.capacity];
    }
    if local == 0u {
        cursor[row] = Cursor(start - min(start, state[text].dropped), count, text);
        state[text].read = start + count;
    }
}
"#;
pub(crate) const W2E31E36E: &str = r#"
@group(0) @binding(2)
var<storage, read> cursor: array<Cursor>;
"#;
pub(crate) const W2E620B16: &str = r#"
@group(0) @binding(6)
var<storage, read> softened: array<vec2<f32>>;
"#;
pub(crate) const W2EB71ADC: &str = r#"
fn softcapped_four(x: vec4<f32>, cap: f32) -> vec4<f32> {
    return cap * tanh(clamp(x / cap, vec4<f32>(-10.0), vec4<f32>(10.0)));
}
"#;
pub(crate) const W2EF5C0B1: &str = r#"
@group(0) @binding(5)
var<storage, read> r: array<Entry>;
"#;
pub(crate) const W2FCACB87: &str = r#"
fn activated_by(kind: u32, x: Entry) -> Entry {
    switch kind {
        case GELU_EXACT {
            return gelu_exact_of(x);
        }
        case GELU_TANH {
            return gelu_tanh_of(x);
        }
        case RELU {
            return max(x, Entry(0.0));
        }
        case RELU_SQUARED {
            return max(x, Entry(0.0)) * max(x, Entry(0.0));
        }
        case default {
            return silu_of(x);
        }
    }
}
"#;
pub(crate) const W306B62DB: &str = r#"
@group(0) @binding(3)
var<storage, read> rows: array<vec2<f32>>;
"#;
pub(crate) const W30A26EC2: &str = r#"
@group(0) @binding(3)
var<storage, read> b: array<f32>;
"#;
pub(crate) const W30A2EAC1: &str = r#"
alias LeftMatrix = coop_mat8x8<Number, A>;
"#;
pub(crate) const W32643A66: &str = r#"
fn cap_slope(scores: vec4<f32>) -> vec4<f32> {
    if arguments.capped == 0u {
        return vec4<f32>(1.0);
    }
    let shares = scores / arguments.softcap;
    return vec4<f32>(1.0) - shares * shares;
}
"#;
pub(crate) const W330C6669: &str = r#"
@group(0) @binding(3)
var<storage, read> x: array<StoredX>;
"#;
pub(crate) const W3373EA83: &str = r#"
var<workgroup> chosen: u32;
"#;
pub(crate) const W33B54DDB: &str = r#"
fn right_along(step: u32) -> RightMatrices {
    return RightMatrices(right_along_matrix(0u, step), right_along_matrix(EDGE, step), right_along_matrix(2u * EDGE, step), right_along_matrix(3u * EDGE, step));
}
"#;
pub(crate) const W340A950F: &str = r#"
fn mass_from(row: u32, lane: u32, threshold: u32) -> f32 {
    var mass = 0.0;
    for (var id = lane; id < arguments.vocabulary; id += LANES) {
        mass += select(0.0, weights[row + id], keys[row + id] >= threshold);
    }
    return sum_of_lanes(lane, mass);
}
"#;
pub(crate) const W344EBFE9: &str = r#"@compute @workgroup_size(INVOCATIONS)
fn linear_weight_backward_tiled(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let slice = group_number(group) / arguments.tiles;
    let steps = slice_steps(slice);
    if steps.x >= arguments.inner {
        return;
    }
    let tile = tile_corner(group_number(group) % arguments.tiles, arguments.column_tiles, SIDE);
    let corner = block_corner(index % 64u, 8u);
    let staged = staged_place(index);
    var blocks = mat4x4<f32>();
    for (var first = steps.x; first < steps.y; first += STEPS) {
        let step = first + staged.y;
        var staged_left = mat4x4<f32>();
        var staged_right = mat4x4<f32>();
        if step < steps.y && stages_left(index) {
            staged_left = left(tile.x + staged.x, step);
        }
        if step < steps.y && stages_right(index) {
            staged_right = right(tile.y + staged.x, step);
        }
        stage(index, staged_left, staged_right);
        workgroupBarrier();
        multiply_staged(&blocks, index);
        workgroupBarrier();
    }
    let row = tile.x + corner.x;
    let column = tile.y + corner.y;
    store_row(slice, row + index / 64u, column, row_of_sum(blocks, index));
}
"#;
pub(crate) const W34524943: &str = r#"
@group(0) @binding(3)
var<storage, read> control: Control;
"#;
pub(crate) const W3492E264: &str = r#"
alias Result = vec4<f32>;
"#;
pub(crate) const W34D7088B: &str = r#"
@group(0) @binding(3)
var<storage, read> history: array<u32>;
"#;
pub(crate) const W34F5DD3B: &str = r#"alias StoredX = Entry;
"#;
pub(crate) const W35539050: &str = r#"
@group(0) @binding(1)
var<storage, read> given: array<f32>;
"#;
pub(crate) const W35AE0A39: &str = r#"
alias Right = f32;
"#;
pub(crate) const W36B122FE: &str = r#"struct Arguments {
    count: u32,
    kind: u32
}
"#;
pub(crate) const W36CB3794: &str = r#"
fn store(window: u32, position: u32, head: u32, channel: u32, values: vec4<f32>) {
    if position >= arguments.time {
        return;
    }
    let at = ((window + position) * (arguments.heads + 2u * arguments.kv_heads) + head) * arguments.head_size;
    {
        store_entry(at, channel, values.x);
        store_entry(at, channel + 1u, values.y);
        store_entry(at, channel + 2u, values.z);
        store_entry(at, channel + 3u, values.w);
    }
}
"#;
pub(crate) const W37F0954B: &str = r#"
fn gelu_tanh_slope(x: Entry) -> Entry {
    let t = safe_tanh(ROOT_2_OVER_PI * (x + CUBIC * x * x * x));
    return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * ROOT_2_OVER_PI * (1.0 + 3.0 * CUBIC * x * x);
}
"#;
pub(crate) const W37F1B3F8: &str = r#"
fn entry(at: u32) -> vec4<f32> {
    return quad(at / arguments.columns, arguments.columns, at % arguments.columns);
}
"#;
pub(crate) const W383738B4: &str = r#"@compute @workgroup_size(INVOCATIONS)
fn linear_input_backward_tiled(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    product = group.z;
    let slice = group_number(group) / arguments.tiles;
    let steps = slice_steps(slice);
    if steps.x >= arguments.inner {
        return;
    }
    let tile = tile_corner(group_number(group) % arguments.tiles, arguments.column_tiles, SIDE);
    let corner = block_corner(index % 64u, 8u);
    let staged = staged_place(index);
    var blocks = Blocks();
    for (var first = steps.x; first < steps.y; first += STEPS) {
        let step = first + staged.y;
        var staged_left = mat4x4<f32>();
        var staged_right = mat4x4<f32>();
        if step < steps.y && stages_left(index) {
            staged_left = left(tile.x + staged.x, step);
        }
        if step < steps.y && stages_right(index) {
            staged_right = right(tile.y + staged.x, step);
        }
        stage(index, staged_left, staged_right);
        workgroupBarrier();
        multiply_staged(&blocks, index);
        workgroupBarrier();
    }
    let row = tile.x + corner.x;
    let column = tile.y + corner.y;
    {
        store(slice, row, column, blocks.here);
        store(slice, row, column + 32u, blocks.right);
        store(slice, row + 32u, column, blocks.down);
        store(slice, row + 32u, column + 32u, blocks.across);
    }
}
"#;
pub(crate) const W38CD08E8: &str = r#"
var<private> product: u32;
"#;
pub(crate) const W3913BA94: &str = r#"
struct SampleSettings {
    masked: vec4<u32>,
    masked_high: vec4<u32>,
    temperature: f32,
    top_p: f32,
    min_p: f32,
    repetition_penalty: f32,
    top_k: u32,
    text: u32,
    masked_draws: u32,
    masked_tokens: u32
}
"#;
pub(crate) const W391A48E4: &str = r#"
const ACROSS: u32 = 68u;
"#;
pub(crate) const W391F6094: &str = r#"
fn stage_left(at: u32, numbers: Four) {
    {
        left_tile[at] = numbers.x;
        left_tile[at + 1u] = numbers.y;
        left_tile[at + 2u] = numbers.z;
        left_tile[at + 3u] = numbers.w;
    }
}
"#;
pub(crate) const W39680A36: &str = r#"
fn weights(output: u32, k: u32) -> Entry {
    return quad(output, arguments.inner, k);
}
"#;
pub(crate) const W39C15BBC: &str = r#"
@group(0) @binding(2)
var<storage, read_write> control: Control;
"#;
pub(crate) const W39FE35D6: &str = r#"
alias RightMatrices = array<RightMatrix, PART_COLUMNS>;
"#;
pub(crate) const W3A9F15FF: &str = r#"
@compute @workgroup_size(256)
fn preference(@builtin(local_invocation_index) local: u32) {
    let beta = arguments.beta;
    var chosen_tokens = 0.0;
    if arguments.kind == 1u {
        var own = 0.0;
        for (var pair = 0u; pair < arguments.pairs; pair += 1u) {
            for (var t = local; t < arguments.time; t += 256u) {
                own += select(0.0, 1.0, counts(2u * pair * arguments.time + t));
            }
        }
        let counted = sum_of_group(own, local, 256u);
        let given = scores[control.row * arguments.scores];
        chosen_tokens = select(counted, given, given > 0.0);
    }
    var divergence = 0.0;
    if arguments.kind == 3u {
        var sum = 0.0;
        var both = 0.0;
        for (var pair = 0u; pair < arguments.pairs; pair += 1u) {
            let own = answer(2u * pair, local);
            let other = answer(2u * pair + 1u, local);
            let whole = own.y > 0.0 && other.y > 0.0;
            sum += select(0.0, -other.x - scores[control.row * arguments.scores + 2u * pair + 1u], whole);
            both += select(0.0, 1.0, whole);
        }
        divergence = max(sum / max(both, 1.0), 0.0);
    }
    let share = 1.0 / f32(arguments.pairs);
    var total = 0.0;
    var rewards = vec2(0.0);
    var answers = vec2(0.0);
    var right = 0.0;
    var ties = 0.0;
    var whole = 0.0;
    var ratios = 0.0;
    var ratio_tokens = 0.0;
    for (var pair = 0u; pair < arguments.pairs; pair += 1u) {
        let row = 2u * pair;
        let c = answer(row, local);
        let r = answer(row + 1u, local);
        let first = control.row * arguments.scores + row;
        let n = max(vec2(c.y, r.y), vec2(1.0));
        var mean = 0.0;
        var slope = vec2(0.0);
        if c.y > 0.0 && r.y > 0.0 {
            let likelihood = vec2(-c.x, -r.x);
            let ratio = likelihood - vec2(scores[first], scores[first + 1u]);
            var worth = beta * ratio;
            if arguments.kind == 1u {
                worth = beta * likelihood / n;
            }
            if arguments.kind == 2u {
                worth = likelihood;
            }
            var size = beta * (abs(likelihood) + abs(vec2(scores[first], scores[first + 1u])));
            if arguments.kind == 1u {
                size = beta * abs(likelihood) / n;
            }
            if arguments.kind == 2u {
                size = abs(likelihood);
            }
            var ahead = worth.x - worth.y;
            var around = size.x + size.y;
            var good = true;
            if arguments.kind == 3u {
                let w = scores[control.row * arguments.scores + 2u * arguments.pairs + pair];
                good = w >= 0.0;
                let along = select(-beta, beta, good);
                ahead = along * (ratio.x - divergence);
                let far = sigmoid(-ahead);
                let near = select(sigmoid(ahead), 0.0, abs(ahead) > 80.0);
                mean = abs(w) * far;
                slope = vec2(abs(w) * along * far * near, 0.0);
                around = size.x;
                rewards += select(vec2(0.0, worth.x), vec2(worth.x, 0.0), good);
                answers += select(vec2(0.0, 1.0), vec2(1.0, 0.0), good);
            }
            else {
                rewards += worth;
                answers += vec2(1.0);
            }
            let tie = abs(ahead) <= arguments.tie * around;
            right += select(select(0.0, 1.0, ahead > 0.0), 0.5, tie);
            ties += select(0.0, 1.0, tie);
            whole += 1.0;
            ratios += select(0.0, ratio.x, good);
            ratio_tokens += select(0.0, c.y, good);
            switch arguments.kind {
                case 0u {
                    let h = (-c.x - scores[first]) - (-r.x - scores[first + 1u]);
                    mean = softplus(-beta * h);
                    slope = beta * sigmoid(-beta * h) * vec2(1.0, -1.0);
                }
                case 2u {
                    let z = r.x - c.x - arguments.margin;
                    let sum = -c.x - r.x;
                    mean = softplus(-z) + arguments.center * sum * sum;
                    slope = sigmoid(-z) * vec2(1.0, -1.0) - vec2(2.0 * arguments.center * sum);
                }
                case 3u {
                
                }
                case default {
                    let a = vec2(-c.x, -r.x) / n;
                    let rest = vec2(complement(a.x), complement(a.y));
                    let h = (a.x - log(rest.x)) - (a.y - log(rest.y));
                    mean = beta * softplus(-h);
                    slope = beta * sigmoid(-h) * vec2(1.0, -1.0) / (rest * n);
                }
            }
        }
        mean *= share;
        slope *= share;
        if chosen_tokens > 0.0 {
            mean += c.x / chosen_tokens;
            slope.x += 1.0 / chosen_tokens;
        }
        total += mean;
        for (var t = local; t < arguments.time; t += 256u) {
            let at = row * arguments.time + t;
            weights[at] = slope.x;
            weights[at + arguments.time] = slope.y;
        }
    }
    if local == 0u {
        loss[0] = total;
        loss[1] = f32(arguments.pairs);
        let each = rewards / max(answers, vec2(1.0));
        let accuracy = right / max(whole, 1.0);
        let compares = arguments.kind == 0u || arguments.kind == 3u;
        let log_ratio = select(0.0, ratios / max(ratio_tokens, 1.0), compares);
        let tied = ties / max(whole, 1.0);
        loss[2] = each.x;
        loss[3] = each.y;
        loss[4] = accuracy;
        loss[5] = log_ratio;
        loss[6] = tied;
        loss[7] = answers.x;
        loss[8] = answers.y;
        reports[control.row].loss = total;
        reports[control.row].count = f32(arguments.pairs);
        reports[control.row].chosen_reward = each.x;
        reports[control.row].rejected_reward = each.y;
        reports[control.row].accuracy = accuracy;
        reports[control.row].log_ratio = log_ratio;
        reports[control.row].ties = tied;
        reports[control.row].chosen = answers.x;
        reports[control.row].rejected = answers.y;
    }
}
"#;
pub(crate) const W3AE8E973: &str = r#"
@group(0) @binding(3)
var<storage, read> key_scale: array<f32>;
"#;
pub(crate) const W3B1A4532: &str = r#"
@compute @workgroup_size(64)
fn norm_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let number = group_number(group);
    let first = number * arguments.rows_in_group;
    if first >= arguments.rows {
        return;
    }
    let end = min(first + arguments.rows_in_group, arguments.rows);
    let count = f32(arguments.channels * WIDTH);
    for (var row = first; row < end; row += 1u) {
        let centre = statistics[row];
        var along = Entry(0.0);
        var sum = Entry(0.0);
        for (var c = local; c < arguments.channels; c += LANES) {
            let at = row * arguments.channels + c;
            let g = Entry(dy[at]) * (w[c] + arguments.offset);
            along += g * (x[at] - centre.x) * centre.y;
            {
                sum += g;
            }
        }
        var mean = vec2<f32>(0.0, sum_of_row(total(along), local) / count);
        {
            mean.x = sum_of_row(total(sum), local) / count;
        }
        if local == 0u {
            means[row - first] = mean;
        }
    }
    workgroupBarrier();
    for (var c = local; c < arguments.channels; c += LANES) {
        var weight = Entry(0.0);
        var bias = Entry(0.0);
        for (var row = first; row < end; row += 1u) {
            let at = row * arguments.channels + c;
            let centre = statistics[row];
            let mean = means[row - first];
            let normal = (x[at] - centre.x) * centre.y;
            let flow = Entry(dy[at]);
            let gradient = centre.y * (flow * (w[c] + arguments.offset) - mean.x - normal * mean.y);
            let residual = arguments.residual == 1u;
            dx[at] = select(gradient, gradient + r[select(0u, at, residual)], residual);
            weight += flow * normal;
            bias += flow;
        }
        let place = number * arguments.parts * arguments.channels + c;
        if arguments.parts > 0u {
            parts[place] = weight;
        }
        if arguments.parts > 1u {
            parts[place + arguments.channels] = bias;
        }
    }
}
"#;
pub(crate) const W3B2C6AE2: &str = r#"@group(0) @binding(1)
var<storage, read> x: array<Four>;
"#;
pub(crate) const W3CBBE5BA: &str = r#"
alias Stored = vec4<f32>;
"#;
pub(crate) const W3DBC7991: &str = r#"
const DEPTH: u32 = 32u;
"#;
pub(crate) const W3E0C42B8: &str = r#"
fn quad(row: u32, quads: u32, k: u32) -> vec4<f32> {
    let words = quant_words(quads);
    let start = row * (words + (quads / 8u + 1u) / 2u);
    let scale = widened((w[start + words + k / 16u] >> (k / 8u % 2u * 16u)) & 65535u);
    {
        let bits = w[start + k / 8u * 4u + k % 4u] >> (k / 4u % 2u * 4u);
        let nibbles = vec4<u32>(bits, bits >> 8u, bits >> 16u, bits >> 24u) & vec4<u32>(15u);
        return (vec4<f32>(nibbles) - 8.0) * scale;
    }
}
"#;
pub(crate) const W3EAD8F87: &str = r#"
const MAX_LOGIT: f32 = 1e30;
"#;
pub(crate) const W3EB3C218: &str = r#"
var<workgroup> right_tile: array<array<vec4<f32>, 8>, STEPS>;
"#;
pub(crate) const W3EB5812F: &str = r#"
alias LeftMatrix = coop_mat16x16<Number, A>;
"#;
pub(crate) const W3EDE9C1C: &str = r#"
fn left_across_matrix(row: u32, step: u32) -> LeftMatrix {
    return coopLoad<LeftMatrix>(&left_tile[across_at(vec2<u32>(row, step))], ACROSS / UNIT);
}
"#;
pub(crate) const W3F9D4582: &str = r#"
struct Arguments {
    rows: u32,
    time: u32,
    heads: u32,
    kv_heads: u32,
    head_size: u32,
    positions: u32,
    scale: f32,
    capped: u32,
    softcap: f32,
    parts: u32,
    part: u32,
    seen: u32
}
"#;
pub(crate) const W3FA5DB14: &str = r#"struct Arguments {
    rows: u32,
    columns: u32,
    k: u32
}
"#;
pub(crate) const W3FE1827E: &str = r#"
fn left_across(row: u32, step: u32) -> LeftMatrices {
    return LeftMatrices(left_across_matrix(row, step), left_across_matrix(row + EDGE, step), left_across_matrix(row + 2u * EDGE, step), left_across_matrix(row + 3u * EDGE, step));
}
"#;
pub(crate) const W40A29FCF: &str = r#"struct Arguments {
    rows: u32,
    hidden: u32
}
"#;
pub(crate) const W40CDB5C3: &str = r#"
alias Left = vec4<f16>;
"#;
pub(crate) const W40CE1D1E: &str = r#"
var<workgroup> block_sums: array<f32, BLOCK>;
"#;
pub(crate) const W422492D2: &str = r#"struct Arguments {
    rows: u32,
    vocabulary: u32,
    smoothing: f32,
    ignoring: u32,
    ignored: u32,
    scale: f32,
    weighted: u32,
    first_row: u32,
    all_rows: u32
}
"#;
pub(crate) const W429E07EF: &str = r#"
@compute @workgroup_size(256)
fn rope(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let pair = group_number(group) * 256u + local;
    let half_size = arguments.half_size;
    let pairs_in_row = arguments.all_heads * half_size;
    let row = pair / pairs_in_row;
    if row >= arguments.rows {
        return;
    }
    let head = (pair % pairs_in_row) / half_size;
    let i = pair % half_size;
    let at = (row * arguments.all_heads + head) * 2u * half_size + i;
    let first = f32(x[at]);
    let second = f32(x[at + half_size]);
    if head >= arguments.turning_heads {
        y[at] = Stored(first);
        y[at + half_size] = Stored(second);
        return;
    }
    var position = row % arguments.time;
    let angle = position * 2u * half_size + i;
    let cosine = table[angle];
    let sine = table[angle + half_size] * arguments.turn;
    y[at] = Stored(first * cosine - second * sine);
    y[at + half_size] = Stored(second * cosine + first * sine);
}
"#;
pub(crate) const W435FBF50: &str = r#"
@group(0) @binding(2)
var<storage, read_write> dx: array<Result>;
"#;
pub(crate) const W43693504: &str = r#"
@group(0) @binding(6)
var<storage, read_write> second: array<vec4<f32>>;
"#;
pub(crate) const W43749BFB: &str = r#"
@group(0) @binding(5)
var<storage, read_write> second: array<vec4<f32>>;
"#;
pub(crate) const W43B643F6: &str = r#"
fn stage(tile: vec2<u32>, first: u32, four: u32, end: u32) {
    let left = along(four);
    let right = across(four);
    stage_left(along_at(left), left_four(tile.x, first, left, end));
    stage_right(across_at(right), right_four(tile.y, first, right, end));
}
"#;
pub(crate) const W442C162F: &str = r#"
fn scaled_rows(block: mat4x4<f32>, factors: vec4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(block[0] * factors.x, block[1] * factors.y, block[2] * factors.z, block[3] * factors.w);
}
"#;
pub(crate) const W44C2134E: &str = r#"
@compute @workgroup_size(256)
fn dropout(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        let mask = vec4<f32>(factor(4u * at), factor(4u * at + 1u), factor(4u * at + 2u), factor(4u * at + 3u));
        var kept = Entry(x[at]) * mask;
        {
            kept += r[at];
        }
        y[at] = StoredY(kept);
    }
}
"#;
pub(crate) const W44C9D9A5: &str = r#"
alias Number = f32;
"#;
pub(crate) const W44FA431D: &str = r#"
struct Queries {
    t: vec4<u32>,
    documents: vec4<u32>,
    lse: vec4<f32>,
    delta: vec4<f32>
}
"#;
pub(crate) const W45923EA9: &str = r#"
@group(0) @binding(7)
var<storage, read_write> sums: array<vec2<f32>>;
"#;
pub(crate) const W45A8A576: &str = r#"
fn sigmoid(x: Entry) -> Entry {
    return 1.0 / (1.0 + exp(min(-x, Entry(80.0))));
}
"#;
pub(crate) const W46216659: &str = r#"
@group(0) @binding(4)
var<storage, read> control: Control;
"#;
pub(crate) const W46B41050: &str = r#"
@group(0) @binding(1)
var<storage, read> x: array<Stored>;
"#;
pub(crate) const W46ED89E7: &str = r#"
alias Four = vec4<Number>;
"#;
pub(crate) const W46FD0995: &str = r#"
fn column_of(group: vec3<u32>, local: u32) -> u32 {
    return group_number(group) * COLUMNS + local % COLUMNS;
}
"#;
pub(crate) const W472EFBB6: &str = r#"
alias Stored = f16;
"#;
pub(crate) const W47423871: &str = r#"
fn w_steps(column: u32, step: u32) -> vec4<f32> {
    let at = (product * arguments.columns + min(column, arguments.columns - 1u)) * arguments.inner + step;
    return vec4<f32>(w[at / 4u]);
}
"#;
pub(crate) const W4764026E: &str = r#"
@group(0) @binding(3)
var<storage, read> x: array<f32>;
"#;
pub(crate) const W480AD105: &str = r#"
@group(0) @binding(2)
var<storage, read> w: array<Entry>;
"#;
pub(crate) const W483962C0: &str = r#"
fn slice_steps(slice: u32) -> vec2<u32> {
    let begin = slice * arguments.slice;
    return vec2<u32>(begin, min(begin + arguments.slice, arguments.inner));
}
"#;
pub(crate) const W484BA555: &str = r#"struct Arguments {
    count: u32,
    groups: u32,
    first: u32
}
"#;
pub(crate) const W49339BC8: &str = r#"
var<workgroup> lane_ids: array<u32, LANES>;
"#;
pub(crate) const W494FC686: &str = r#"
struct Arguments {
    vocabulary: u32,
    context_length: u32,
    capacity: u32,
    each: u32
}
"#;
pub(crate) const W4967A51A: &str = r#"
alias Stored = vec4<f16>;
"#;
pub(crate) const W49A273E7: &str = r#"
fn own_subgroup(index: u32) -> Own {
    let width = subgroupAdd(1u);
    let count = INVOCATIONS / width;
    return Own(subgroupMin(index) / width, count, index % width, max(PARTS / count, 1u));
}
"#;
pub(crate) const W49C9A9DB: &str = r#"
@compute @workgroup_size(256)
fn optimizer(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at >= arguments.count || control.skipped == 1u {
        return;
    }
    let rate = schedule[control.row].learning_rate;
    let gradient = gradients[at] * control.gradient_scale;
    let decay = select(0.0, arguments.weight_decay, at < arguments.decayed_end);
    let kept = (parameters[at] == vec4<f32>()) & vec4<bool>(arguments.keeps_zeros == 1u);
    let parameter = parameters[at] - rate * decay * parameters[at];
    {
        let momentum = arguments.beta1 * first[at] + gradient;
        parameters[at] = select(parameter - rate * momentum, vec4<f32>(), kept);
        first[at] = momentum;
    }
}
"#;
pub(crate) const W4B768CEE: &str = r#"
@group(0) @binding(5)
var<storage, read_write> roots: array<f32>;
"#;
pub(crate) const W4B9B15F6: &str = r#"struct Arguments {
    rows: u32,
    ignoring: u32,
    ignored: u32
}
"#;
pub(crate) const W4BA69E58: &str = r#"
fn right_four(tile_column: u32, first: u32, place: vec2<u32>, end: u32) -> Four {
    let step = first + place.y;
    let numbers = w[(min(step, end - 1u) * arguments.columns + min(tile_column + place.x, arguments.columns - 4u)) / 4u];
    return select(Four(), numbers, step < end);
}
"#;
pub(crate) const W4D05D513: &str = r#"
const STEP: u32 = 64u;
"#;
pub(crate) const W4E32BAF7: &str = r#"
alias Result = f16;
"#;
pub(crate) const W4E80BE74: &str = r#"
@compute @workgroup_size(256)
fn activation_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        dx[at] = Stored(Entry(dy[at]) * slope_by(arguments.kind, Entry(x[at])));
    }
}
"#;
pub(crate) const W4FDAB6AB: &str = r#"
const EDGE: u32 = 16u;
"#;
pub(crate) const W504DF6D6: &str = r#"
@compute @workgroup_size(256)
fn router_loss(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_number(group) * 256u + local;
    if row >= arguments.rows {
        return;
    }
    let start = row * arguments.experts;
    var largest = x[start];
    for (var e = 1u; e < arguments.experts; e += 1u) {
        largest = max(largest, x[start + e]);
    }
    var whole = 0.0;
    var loaded = 0.0;
    for (var e = 0u; e < arguments.experts; e += 1u) {
        let exponential = exp(x[start + e] - largest);
        whole += exponential;
        loaded += load[e] * exponential;
    }
    loaded /= whole;
    let lse = largest + log(whole);
    let balance = arguments.balance * f32(arguments.experts);
    let factor = arguments.factor * shares[control.row * arguments.rows + row];
    for (var e = 0u; e < arguments.experts; e += 1u) {
        let slope = balance * (load[e] - loaded) + 2.0 * arguments.z * lse;
        result[start + e] = factor * control.loss_scale * slope * exp(x[start + e] - largest) / whole;
    }
}
"#;
pub(crate) const W50A33EFC: &str = r#"
@group(0) @binding(1)
var<storage, read> h: array<f32>;
"#;
pub(crate) const W5165C143: &str = r#"
struct DecodeState {
    length: u32,
    drawn: u32,
    read: u32,
    dropped: u32
}
"#;
pub(crate) const W516ACE37: &str = r#"
const ALONG: u32 = 20u;
"#;
pub(crate) const W51895A57: &str = r#"
@group(0) @binding(4)
var<storage, read> scores: array<f32>;
"#;
pub(crate) const W5213FDF7: &str = r#"
@group(0) @binding(4)
var<storage, read_write> values: array<f32>;
"#;
pub(crate) const W524F203B: &str = r#"struct Arguments {
    rows: u32,
    ignored: u32,
    ratio: u32,
    corrected: u32,
    epsilon: f32,
    weighs: u32
}
"#;
pub(crate) const W5291A125: &str = r#"
@group(0) @binding(2)
var<storage, read> w: array<Right>;
"#;
pub(crate) const W52BE17D4: &str = r#"
fn staged_deltas(group: u32) -> vec4<f32> {
    let at = 4u * group + vec4<u32>(0u, 1u, 2u, 3u);
    return vec4<f32>(delta_halves[0][at.x] + delta_halves[1][at.x], delta_halves[0][at.y] + delta_halves[1][at.y], delta_halves[0][at.z] + delta_halves[1][at.z], delta_halves[0][at.w] + delta_halves[1][at.w]);
}
"#;
pub(crate) const W52D5860C: &str = r#"struct Arguments {
    count: u32
}
"#;
pub(crate) const W53371992: &str = r#"
@group(0) @binding(5)
var<storage, read> positions: array<Entry>;
"#;
pub(crate) const W5340E79E: &str = r#"
@group(0) @binding(4)
var<storage, read_write> cursor: array<Cursor>;
"#;
pub(crate) const W53AA9388: &str = r#"
var<workgroup> columns: array<Entry, 256>;
"#;
pub(crate) const W53B9085D: &str = r#"
alias Sum = coop_mat16x16<f32, C>;
"#;
pub(crate) const W53E0908F: &str = r#"
fn sum_of_subgroups(value: f32, local: u32, size: u32) -> f32 {
    let width = subgroupAdd(1u);
    let place = subgroupExclusiveAdd(1u);
    let own = subgroupAdd(value);
    parts[local] = select(0.0, own, place == 0u);
    workgroupBarrier();
    var sum = 0.0;
    for (var start = 0u; start < size; start += width) {
        let at = start + place;
        sum += select(0.0, parts[min(at, size - 1u)], at < size);
    }
    let all = subgroupAdd(sum);
    workgroupBarrier();
    return all;
}
"#;
pub(crate) const W53E15483: &str = r#"
@group(0) @binding(6)
var<storage, read_write> weights: array<f32>;
"#;
pub(crate) const W54FC0660: &str = r#"
@group(0) @binding(4)
var<storage, read_write> partial_sums: array<f32>;
"#;
pub(crate) const W552D82BF: &str = r#"
@group(0) @binding(3)
var<storage, read> statistics: array<vec2<f32>>;
"#;
pub(crate) const W556B124D: &str = r#"
@group(0) @binding(5)
var<storage, read_write> result: array<vec2<f32>>;
"#;
pub(crate) const W5632007F: &str = r#"
@group(0) @binding(3)
var<storage, read_write> first: array<f32>;
"#;
pub(crate) const W5680E5C4: &str = r#"
fn x_steps(row: u32, step: u32) -> vec4<f32> {
    let at = (product * arguments.rows + min(row, arguments.rows - 1u)) * arguments.inner + step;
    return vec4<f32>(x_entry(at, step, 0u), x_entry(at, step, 1u), x_entry(at, step, 2u), x_entry(at, step, 3u));
}
"#;
pub(crate) const W572E4D51: &str = r#"
const SIDE: u32 = 64u;
"#;
pub(crate) const W582254EE: &str = r#"
@group(0) @binding(3)
var<storage, read> logits: array<u32>;
"#;
pub(crate) const W587D9BD5: &str = r#"
const PARTS: u32 = 2u;
"#;
pub(crate) const W595F3A9B: &str = r#"
@group(0) @binding(4)
var<storage, read> dy: array<Stored>;
"#;
pub(crate) const W599F0D13: &str = r#"
@compute @workgroup_size(256)
fn activation(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        y[at] = Stored(activated_by(arguments.kind, Entry(x[at])));
    }
}
"#;
pub(crate) const W59A5B3E4: &str = r#"
alias StoredY = vec4<f16>;
"#;
pub(crate) const W59C64083: &str = r#"
fn tile_corner(tile: u32, tiles_per_row: u32, side: u32) -> vec2<u32> {
    return vec2<u32>(tile / tiles_per_row, tile % tiles_per_row) * side;
}
"#;
pub(crate) const W59E6B889: &str = r#"
var<workgroup> lanes: array<f32, 256>;
"#;
pub(crate) const W5A19FA29: &str = r#"
@compute @workgroup_size(64)
fn attention_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let packed_heads = arguments.heads + 2u * arguments.kv_heads;
    let planes = arguments.batch * packed_heads;
    let number = group_number(group);
    let rank = number / (planes * arguments.parts);
    if rank * SIDE >= arguments.time {
        return;
    }
    let plane = number / arguments.parts % planes;
    let text = plane / packed_heads;
    let head = plane % packed_heads;
    let column = number % arguments.parts * COLUMNS;
    if head >= arguments.heads + arguments.kv_heads {
        backward(false, true, rank, text, head, column, local);
    }
    else if head >= arguments.heads {
        backward(false, false, rank, text, head, column, local);
    }
    else {
        backward(true, false, rank, text, head, column, local);
    }
}
"#;
pub(crate) const W5A1CE584: &str = r#"
alias Stored = Entry;
"#;
pub(crate) const W5A1D6603: &str = r#"
alias RightMatrix = coop_mat16x16<Number, B>;
"#;
pub(crate) const W5A7C4623: &str = r#"
alias Operand = vec4<f32>;
"#;
pub(crate) const W5A88D53B: &str = r#"@group(0) @binding(1)
var<storage, read> dy: array<Four>;
"#;
pub(crate) const W5B3BB170: &str = r#"
@group(0) @binding(5)
var<storage, read_write> weights: array<f32>;
"#;
pub(crate) const W5B6FFA21: &str = r#"
@group(0) @binding(1)
var<storage, read> dy: array<Left>;
"#;
pub(crate) const W5B97CD25: &str = r#"
@group(0) @binding(2)
var<storage, read_write> state: array<DecodeState>;
"#;
pub(crate) const W5C441047: &str = r#"
@compute @workgroup_size(256)
fn distil_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    let row = at / arguments.vocabulary;
    if row < arguments.rows {
        let goal = targets[control.row * arguments.rows + row];
        let right = select(0.0, 1.0, at % arguments.vocabulary == goal);
        let share = 1.0 / arguments.temperature;
        let own = exp(logits[at] * share - softened[row].x);
        let other = exp(teacher[at] * share - softened[row].y);
        let plain = exp(logits[at] - rows[row].x) - right;
        let slope = (1.0 - arguments.mix) * plain + arguments.mix * arguments.temperature * (own - other);
        let factor = arguments.scale * control.loss_scale / select(loss[1], 1.0, loss[1] == 0.0);
        let ignored = arguments.ignoring == 1u && goal == arguments.ignored;
        dx[at] = select(factor * slope, 0.0, ignored);
    }
}
"#;
pub(crate) const W5D053D37: &str = r#"
@group(0) @binding(5)
var<storage, read_write> dx: array<Entry>;
"#;
pub(crate) const W5D5C861E: &str = r#"
@compute @workgroup_size(256)
fn jump_relu(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    let row = at / arguments.columns;
    if row >= arguments.rows {
        return;
    }
    let threshold = exp(log_threshold[at % arguments.columns]);
    let entry = x[at];
    {
        let ignored = arguments.ignoring == 1u && targets[control.row * arguments.rows + row] == arguments.ignored;
        let count = loss[select(0u, 1u, arguments.penalty != 0.0)];
        let penalty = select(arguments.penalty * control.loss_scale / count, 0.0, ignored || arguments.penalty == 0.0 || count == 0.0);
        let slope = -threshold * (threshold * dy[at] + penalty) / arguments.bandwidth;
        dx[at] = select(0.0, dy[at], entry > threshold);
        dlog_threshold[at] = select(0.0, slope, abs(entry - threshold) < 0.5 * arguments.bandwidth);
    }
}
"#;
pub(crate) const W5D890B68: &str = r#"
@group(0) @binding(5)
var<storage, read> targets: array<u32>;
"#;
pub(crate) const W5E3B7866: &str = r#"
const INVOCATIONS: u32 = 64u;
"#;
pub(crate) const W5E498EB9: &str = r#"
@group(0) @binding(2)
var<storage, read> log_threshold: array<f32>;
"#;
pub(crate) const W5EAB5426: &str = r#"
fn stage_deltas(window: u32, first: u32, head: u32, own: u32, other: u32) {
    let row = window + min(first + 4u * own + other % 4u, arguments.time - 1u);
    let channels = arguments.head_size / WIDTH;
    let begin = (row * arguments.heads + head) * channels;
    var sum = 0.0;
    for (var at = begin + other / 4u; at < begin + channels; at += 2u) {
        sum += dot(vec4<f32>(dy[at]), vec4<f32>(y[at]));
    }
    delta_halves[other / 4u][4u * own + other % 4u] = sum;
}
"#;
pub(crate) const W5EBD0844: &str = r#"
@group(0) @binding(2)
var<storage, read> keys: array<f32>;
"#;
pub(crate) const W5EC5A768: &str = r#"
@group(0) @binding(1)
var<storage, read_write> y: array<vec4<f32>>;
"#;
pub(crate) const W601B625A: &str = r#"
@group(0) @binding(4)
var<storage, read_write> load: array<f32>;
"#;
pub(crate) const W60437B8F: &str = r#"
fn right_along(step: u32) -> RightMatrices {
    return RightMatrices(right_along_matrix(0u, step), right_along_matrix(EDGE, step), right_along_matrix(2u * EDGE, step), right_along_matrix(3u * EDGE, step), right_along_matrix(4u * EDGE, step), right_along_matrix(5u * EDGE, step), right_along_matrix(6u * EDGE, step), right_along_matrix(7u * EDGE, step));
}
"#;
pub(crate) const W609A706A: &str = r#"
fn silu_of(x: Entry) -> Entry {
    return x * sigmoid(x);
}
"#;
pub(crate) const W60AFEFA4: &str = r#"
@group(0) @binding(3)
var<storage, read_write> y: array<Stored>;
"#;
pub(crate) const W60F14364: &str = r#"
@group(0) @binding(8)
var<storage, read_write> state: array<DecodeState>;
"#;
pub(crate) const W617B01BA: &str = r#"
@group(0) @binding(1)
var<storage, read> partials: array<f32>;
"#;
pub(crate) const W62732BF9: &str = r#"
@compute @workgroup_size(256)
fn dropout(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        let mask = factor(at);
        var kept = Entry(x[at]) * mask;
        {
            kept += r[at];
        }
        y[at] = StoredY(kept);
    }
}
"#;
pub(crate) const W63002B0B: &str = r#"
@group(0) @binding(1)
var<storage, read> gradients: array<vec4<f32>>;
"#;
pub(crate) const W635EF461: &str = r#"
fn keep(sums: ptr<function, Sums>, own: Own, half_row: u32) {
    let at = own.number * EDGE * KEPT_COLUMNS;
    switch half_row {
        case 0u {
            coopStoreT((*sums)[0], &kept[at], KEPT_COLUMNS);
            coopStoreT((*sums)[1], &kept[at + EDGE], KEPT_COLUMNS);
        }
        case 1u {
            coopStoreT((*sums)[2], &kept[at], KEPT_COLUMNS);
            coopStoreT((*sums)[3], &kept[at + EDGE], KEPT_COLUMNS);
        }
        case 2u {
            coopStoreT((*sums)[4], &kept[at], KEPT_COLUMNS);
            coopStoreT((*sums)[5], &kept[at + EDGE], KEPT_COLUMNS);
        }
        case default {
            coopStoreT((*sums)[6], &kept[at], KEPT_COLUMNS);
            coopStoreT((*sums)[7], &kept[at + EDGE], KEPT_COLUMNS);
        }
    }
}
"#;
pub(crate) const W6440DA8B: &str = r#"
@group(0) @binding(6)
var<storage, read_write> rows: array<vec2<f32>>;
"#;
pub(crate) const W64A32FDA: &str = r#"
@compute @workgroup_size(256)
fn policy(@builtin(local_invocation_index) local: u32) {
    let least = 1.0 - arguments.epsilon;
    let most = 1.0 + arguments.epsilon;
    var sum = 0.0;
    var counted = 0.0;
    for (var n = local; n < arguments.rows; n += 256u) {
        let at = control.row * arguments.rows + n;
        var slope = 0.0;
        if targets[at] != arguments.ignored {
            let l = rows[n].y;
            let score = scores[at];
            let ratio = select(1.0, exp(clamp(-l - score.y, -80.0, 80.0)), arguments.ratio == 1u);
            let clips = (ratio > most && score.x > 0.0) || (ratio < least && score.x < 0.0);
            let gain = select(ratio, clamp(ratio, least, most), clips);
            sum += select(-gain, l, arguments.weighs == 1u) * score.x;
            slope = select(ratio * score.x, 0.0, clips);
            if arguments.weighs == 1u {
                slope = score.x;
            }
            else if score.z > 0.0 {
                let d = score.w + l;
                let apart = divergence(d);
                let corrected = arguments.corrected == 1u;
                let factor = select(1.0, ratio, corrected);
                sum += score.z * apart * factor;
                slope += score.z * (exp_less_one(d) * factor - select(0.0, apart * ratio, corrected));
            }
            counted += 1.0;
        }
        weights[n] = slope;
    }
    let total = sum_of_group(sum, local, 256u);
    let count = sum_of_group(counted, local, 256u);
    if local == 0u {
        loss[0] = total;
        loss[1] = count;
        reports[control.row].loss = total;
        reports[control.row].count = count;
    }
}
"#;
pub(crate) const W655E1492: &str = r#"
fn keep(sums: ptr<function, Sums>, own: Own, half_row: u32) {
    let first = half_row * PART_COLUMNS / 2u;
    for (var column = 0u; column < PART_COLUMNS / 2u; column += 1u) {
        let at = own.number * EDGE * KEPT_COLUMNS + column * EDGE;
        coopStoreT((*sums)[first + column], &kept[at], KEPT_COLUMNS);
    }
}
"#;
pub(crate) const W65B9B19F: &str = r#"
@group(0) @binding(2)
var<storage, read> dy: array<Stored>;
"#;
pub(crate) const W66C98CD9: &str = r#"
var<workgroup> marks: array<atomic<u32>, 512>;
"#;
pub(crate) const W67B064A2: &str = r#"
@group(0) @binding(2)
var<storage, read> x: array<Right>;
"#;
pub(crate) const W68C02DCB: &str = r#"struct Arguments {
    rows: u32,
    vocabulary: u32,
    temperature: f32,
    mix: f32,
    ignoring: u32,
    ignored: u32
}
"#;
pub(crate) const W6B0354DD: &str = r#"
fn along(four: u32) -> vec2<u32> {
    return vec2<u32>(four / (DEPTH / 4u), four % (DEPTH / 4u) * 4u);
}
"#;
pub(crate) const W6B3CD452: &str = r#"
fn store(row: u32, column: u32, block: mat4x4<f32>) {
    store_row(row, column, block[0]);
    store_row(row + 1u, column, block[1]);
    store_row(row + 2u, column, block[2]);
    store_row(row + 3u, column, block[3]);
}
"#;
pub(crate) const W6B8F2FA4: &str = r#"struct Arguments {
    rows: u32,
    queries: u32,
    query_size: u32,
    keys: u32,
    key_size: u32,
    segments: u32,
    rows_in_segment: u32
}
"#;
pub(crate) const W6C79CB4D: &str = r#"
@compute @workgroup_size(64)
fn attention_forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let tiles = (arguments.time + SIDE - 1u) / SIDE;
    let planes = arguments.batch * arguments.heads;
    let number = group_number(group);
    if number >= planes * arguments.parts * tiles {
        return;
    }
    let first = (tiles - 1u - number / (planes * arguments.parts)) * SIDE;
    let plane = number / arguments.parts % planes;
    let column = number % arguments.parts * COLUMNS;
    let head = plane % arguments.heads;
    let window = (plane / arguments.heads) * arguments.time;
    let key_head = arguments.heads + head / (arguments.heads / arguments.kv_heads);
    let value_head = key_head + arguments.kv_heads;
    let end = min(first + SIDE, arguments.time);
    let begin = max(first + 1u - min(first + 1u, arguments.seen), document_start(window + first));
    let seed = schedule[control.row].seed;
    let own = local % 8u;
    let other = local / 8u;
    let t = positions_from(first + 4u * own);
    let documents = document_starts(window, t);
    var attended = mat4x4<f32>();
    var attended_right = mat4x4<f32>();
    var largest = vec4<f32>(MIN_SCORE);
    var total = vec4<f32>();
    for (var start = begin; start < end; start += SIDE) {
        var scores = mat4x4<f32>();
        for (var channel = 0u; channel < arguments.head_size; channel += SIDE) {
            workgroupBarrier();
            stage_left(qkv_block(window, start + 4u * own, key_head, channel + 4u * other), own, other);
            stage_right(qkv_block(window, first + 4u * own, head, channel + 4u * other), own, other);
            workgroupBarrier();
            multiply(&scores, other, own, min(SIDE, arguments.head_size - channel));
        }
        let key = start + 4u * other;
        scores = mat4x4<f32>(masked(scores[0], t, documents, key), masked(scores[1], t, documents, key + 1u), masked(scores[2], t, documents, key + 2u), masked(scores[3], t, documents, key + 3u));
        row_parts[other][own] = max(max(scores[0], scores[1]), max(scores[2], scores[3]));
        workgroupBarrier();
        let before = largest;
        for (var part = 0u; part < 8u; part += 1u) {
            largest = max(largest, row_parts[part][own]);
        }
        let shrink = exp(before - largest);
        scores = mat4x4<f32>(exponentials(scores[0], largest), exponentials(scores[1], largest), exponentials(scores[2], largest), exponentials(scores[3], largest));
        total = total * shrink + ((scores[0] + scores[1]) + (scores[2] + scores[3]));
        let numbers = (vec4<u32>(plane * arguments.time) + t) * arguments.time + key;
        left_tile[4u * other][own] = scores[0] * kept(seed, numbers);
        left_tile[4u * other + 1u][own] = scores[1] * kept(seed, numbers + 1u);
        left_tile[4u * other + 2u][own] = scores[2] * kept(seed, numbers + 2u);
        left_tile[4u * other + 3u][own] = scores[3] * kept(seed, numbers + 3u);
        stage_steps(qkv_block(window, key, value_head, column + 4u * own), other, own);
        workgroupBarrier();
        attended = scaled_rows(attended, shrink);
        multiply(&attended, own, other, min(SIDE, end - start));
        if column + SIDE < arguments.head_size {
            workgroupBarrier();
            stage_steps(qkv_block(window, key, value_head, column + SIDE + 4u * own), other, own);
            workgroupBarrier();
            attended_right = scaled_rows(attended_right, shrink);
            multiply(&attended_right, own, other, min(SIDE, end - start));
        }
    }
    workgroupBarrier();
    row_parts[other][own] = total;
    workgroupBarrier();
    total = vec4<f32>();
    for (var part = 0u; part < 8u; part += 1u) {
        total += row_parts[part][own];
    }
    let at = first + 4u * own;
    let channel = column + 4u * other;
    attended = scaled_rows(attended, 1.0 / total);
    attended_right = scaled_rows(attended_right, 1.0 / total);
    store(plane, at, channel, attended[0], largest.x, total.x);
    store(plane, at + 1u, channel, attended[1], largest.y, total.y);
    store(plane, at + 2u, channel, attended[2], largest.z, total.z);
    store(plane, at + 3u, channel, attended[3], largest.w, total.w);
    store(plane, at, channel + SIDE, attended_right[0], largest.x, total.x);
    store(plane, at + 1u, channel + SIDE, attended_right[1], largest.y, total.y);
    store(plane, at + 2u, channel + SIDE, attended_right[2], largest.z, total.z);
    store(plane, at + 3u, channel + SIDE, attended_right[3], largest.w, total.w);
}
"#;
pub(crate) const W6CB86CD6: &str = r#"
@compute @workgroup_size(LANES)
fn cached_attention(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let number = group_number(group) / arguments.parts;
    let row = number / arguments.heads;
    if row >= arguments.rows {
        return;
    }
    let chunk = cursor[row / arguments.time];
    let t = row % arguments.time;
    if t >= chunk.length {
        return;
    }
    let head = number % arguments.heads;
    let head_size = arguments.head_size;
    let key_head = head / (arguments.heads / arguments.kv_heads);
    let cache = (chunk.text * arguments.kv_heads + key_head) * arguments.positions * head_size;
    let part = group_number(group) % arguments.parts;
    let until = min(chunk.start + t + 1u, arguments.positions);
    let oldest = until - min(until, arguments.seen);
    let begin = max(oldest, part * arguments.part);
    let end = min(until, (part + 1u) * arguments.part);
    let query_at = (row * (arguments.heads + 2u * arguments.kv_heads) + head) * head_size;
    for (var d = local; d < head_size; d += LANES) {
        query[d] = qkv[query_at + d] * arguments.scale;
    }
    workgroupBarrier();
    var largest = MIN_SCORE;
    var total = 0.0;
    var attended = vec4<f32>();
    for (var start = begin; start < end; start += LANES) {
        let count = min(LANES, end - start);
        var score = MIN_SCORE;
        if local < count {
            let key = cache + (start + local) * head_size;
            score = 0.0;
            for (var d = 0u; d < head_size; d++) {
                score += query[d] * keys[key + d];
            }
            for (var turn = 0u; turn < arguments.capped; turn++) {
                score = softcapped(score, arguments.softcap);
            }
        }
        scores[local] = score;
        workgroupBarrier();
        var next = largest;
        for (var slot = 0u; slot < count; slot++) {
            next = max(next, scores[slot]);
        }
        shares[local] = exp(score - next);
        workgroupBarrier();
        let shrink = exp(largest - next);
        largest = next;
        total *= shrink;
        attended *= shrink;
        for (var slot = 0u; slot < count; slot++) {
            let share = shares[slot];
            let value = cache + (start + slot) * head_size;
            total += share;
            for (var channel = 0u; channel < 4u; channel++) {
                let d = channel * LANES + local;
                if d < head_size {
                    attended[channel] += share * values[value + d];
                }
            }
        }
    }
    for (var channel = 0u; channel < 4u; channel++) {
        let d = channel * LANES + local;
        if d < head_size {
            partials[(number * arguments.parts + part) * (head_size + 2u) + d] = attended[channel];
        }
    }
    {
        if local == 0u {
            let at = (number * arguments.parts + part) * (head_size + 2u) + head_size;
            partials[at] = largest;
            partials[at + 1u] = total;
        }
    }
}
"#;
pub(crate) const W6D27ED70: &str = r#"
alias Left = f32;
"#;
pub(crate) const W6E4387EC: &str = r#"
fn stage_left(block: mat4x4<f32>, row: u32, step: u32) {
    let steps = transpose(block);
    left_tile[4u * step][row] = steps[0];
    left_tile[4u * step + 1u][row] = steps[1];
    left_tile[4u * step + 2u][row] = steps[2];
    left_tile[4u * step + 3u][row] = steps[3];
}
"#;
pub(crate) const W6E75B6E6: &str = r#"
@compute @workgroup_size(256)
fn dropout(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        let mask = vec4<f32>(factor(4u * at), factor(4u * at + 1u), factor(4u * at + 2u), factor(4u * at + 3u));
        var kept = Entry(x[at]) * mask;
        y[at] = StoredY(kept);
    }
}
"#;
pub(crate) const W6E7FB65C: &str = r#"
var<workgroup> left_tile: array<array<vec4<f32>, 8>, DEPTH>;
"#;
pub(crate) const W6F28A13E: &str = r#"
fn quant_words(quads: u32) -> u32 {
    return quads / 2u;
}
"#;
pub(crate) const W6F33E034: &str = r#"
@group(0) @binding(2)
var<storage, read> gates: array<f32>;
"#;
pub(crate) const W6F612486: &str = r#"
@compute @workgroup_size(256)
fn squared_error(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    let row = at / arguments.columns;
    if row < arguments.rows {
        let goal = targets[control.row * arguments.rows + row];
        let ignored = arguments.ignoring == 1u && goal == arguments.ignored;
        {
            let factor = 2.0 * arguments.scale * control.loss_scale / select(loss[1], 1.0, loss[1] == 0.0);
            result[at] = select(factor * (y[at] - x[at]), 0.0, ignored);
        }
    }
}
"#;
pub(crate) const W6FF4D5B5: &str = r#"
@compute @workgroup_size(64)
fn head_norm_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let number = group_number(group) * 64u + local;
    let normed_groups = arguments.queries + arguments.keys;
    let all_groups = normed_groups + arguments.keys;
    let row = number / all_groups;
    let group_in_row = number % all_groups;
    if row >= arguments.rows {
        return;
    }
    let is_query = group_in_row < arguments.queries;
    let size = select(arguments.key_size, arguments.query_size, is_query);
    let start = first_entry(row, group_in_row, arguments.queries, arguments.query_size, arguments.keys, arguments.key_size);
    if group_in_row >= normed_groups {
        for (var d = 0u; d < size; d++) {
            dx[start + d] = dy[start + d];
        }
        return;
    }
    var sum = 0.0;
    for (var d = 0u; d < size; d++) {
        sum += f32(x[start + d]) * select(key_scale[d], query_scale[d], is_query) * f32(dy[start + d]);
    }
    let root = roots[row * normed_groups + group_in_row];
    let along = root * root * root * sum / f32(size);
    for (var d = 0u; d < size; d++) {
        let scale = select(key_scale[d], query_scale[d], is_query);
        dx[start + d] = Stored(root * scale * f32(dy[start + d]) - along * f32(x[start + d]));
    }
}
"#;
pub(crate) const W7050C4EE: &str = r#"
fn stages_left(index: u32) -> bool {
    return index % 64u < 32u;
}
"#;
pub(crate) const W70747F37: &str = r#"
@group(0) @binding(2)
var<storage, read> gradients: array<f32>;
"#;
pub(crate) const W715D3F0E: &str = r#"
@group(0) @binding(2)
var<storage, read> b: array<Entry>;
"#;
pub(crate) const W71712EEE: &str = r#"
fn store_row(row: u32, column: u32, values: vec4<f32>) {
    if row < arguments.rows && column < arguments.columns {
        let at = row * arguments.stride + column;
        var sums = values;
        if arguments.biased == 1u {
            sums += vec4<f32>(b[column], b[column + 1u], b[column + 2u], b[column + 3u]);
        }
        if arguments.residual == 1u {
            sums += vec4<f32>(r[at], r[at + 1u], r[at + 2u], r[at + 3u]);
        }
        y[at / 4u] = Result(sums);
    }
}
"#;
pub(crate) const W71A77C96: &str = r#"
fn complement(a: f32) -> f32 {
    let s = min(a, -1e-7);
    let series = -s * (1.0 + s / 2.0 * (1.0 + s / 3.0 * (1.0 + s / 4.0 * (1.0 + s / 5.0))));
    return select(1.0 - exp(s), series, s > -0.25);
}
"#;
pub(crate) const W720103CD: &str = r#"
fn divergence(x: f32) -> f32 {
    let series = x * x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0 * (1.0 + x / 6.0))));
    return select(exp_less_one(x) - x, series, abs(x) < 0.25);
}
"#;
pub(crate) const W729FFC5E: &str = r#"
fn right_across(step: u32) -> RightMatrices {
    return RightMatrices(right_across_matrix(0u, step), right_across_matrix(EDGE, step), right_across_matrix(2u * EDGE, step), right_across_matrix(3u * EDGE, step), right_across_matrix(4u * EDGE, step), right_across_matrix(5u * EDGE, step), right_across_matrix(6u * EDGE, step), right_across_matrix(7u * EDGE, step));
}
"#;
pub(crate) const W72E0BC8D: &str = r#"
fn qkv_block(window: u32, first: u32, head: u32, channel: u32) -> mat4x4<f32> {
    let at = vec4<u32>(window) + positions_from(first);
    return mat4x4<f32>(qkv_channels(at.x, head, channel), qkv_channels(at.y, head, channel), qkv_channels(at.z, head, channel), qkv_channels(at.w, head, channel));
}
"#;
pub(crate) const W73AADC56: &str = r#"
@group(0) @binding(5)
var<storage, read_write> y: array<Stored>;
"#;
pub(crate) const W73C7DD5B: &str = r#"
@group(0) @binding(1)
var<storage, read> w: array<f32>;
"#;
pub(crate) const W740C2757: &str = r#"
const STEP: u32 = 1u;
"#;
pub(crate) const W746FE9EB: &str = r#"
@group(0) @binding(4)
var<storage, read_write> dx: array<f32>;
"#;
pub(crate) const W75C3F445: &str = r#"
fn across_at(place: vec2<u32>) -> u32 {
    return (place.y * ACROSS + place.x) / UNIT;
}
"#;
pub(crate) const W75CA64C9: &str = r#"
fn left(row: u32, step: u32) -> mat4x4<f32> {
    return transpose(mat4x4<f32>(dy_guarded(step, row), dy_guarded(step + 1u, row), dy_guarded(step + 2u, row), dy_guarded(step + 3u, row)));
}
"#;
pub(crate) const W75D4B825: &str = r#"
@compute @workgroup_size(64)
fn norm(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_number(group);
    if row >= arguments.rows {
        return;
    }
    let start = row * arguments.channels;
    let count = f32(arguments.channels * WIDTH);
    var mean = 0.0;
    {
        var sum = Entry(0.0);
        for (var c = local; c < arguments.channels; c += LANES) {
            sum += x[start + c];
        }
        mean = sum_of_row(total(sum), local) / count;
    }
    var squares = Entry(0.0);
    for (var c = local; c < arguments.channels; c += LANES) {
        let centred = x[start + c] - mean;
        squares += centred * centred;
    }
    let root = 1.0 / sqrt(sum_of_row(total(squares), local) / count + arguments.eps);
    for (var c = local; c < arguments.channels; c += LANES) {
        var scaled = (x[start + c] - mean) * root * (w[c] + arguments.offset);
        let biased = arguments.biased == 1u;
        scaled = select(scaled, scaled + b[select(0u, c, biased)], biased);
        y[start + c] = Stored(scaled);
    }
    if local == 0u {
        statistics[row] = vec2<f32>(mean, root);
    }
}
"#;
pub(crate) const W75FCC348: &str = r#"
@group(0) @binding(4)
var<storage, read_write> parameters: array<f32>;
"#;
pub(crate) const W75FF3118: &str = r#"
alias StoredY = Entry;
"#;
pub(crate) const W77A5384A: &str = r#"
fn left_four(tile_row: u32, first: u32, place: vec2<u32>, end: u32) -> Four {
    let step = first + place.y;
    let numbers = dy[(min(tile_row + place.x, arguments.rows - 1u) * arguments.stride + min(step, end - 4u)) / 4u];
    return select(Four(), numbers, step < end);
}
"#;
pub(crate) const W794D667F: &str = r#"
fn drawn(index: u32) -> f32 {
    let bits = random_bits(schedule[control.row].seed, arguments.site, index);
    return f32(bits >> 8u) / 8388608.0 - 1.0;
}
"#;
pub(crate) const W799ACE7A: &str = r#"
fn stage_right(at: u32, numbers: Four) {
    right_tile[at] = numbers;
}
"#;
pub(crate) const W7A12277E: &str = r#"
@group(0) @binding(1)
var<storage, read_write> control: Control;
"#;
pub(crate) const W7AAEED49: &str = r#"
fn weights(of_value: bool, plane: u32, queries: Queries, j: vec4<u32>, products: vec4<f32>, flows: vec4<f32>) -> vec4<f32> {
    let t = queries.t;
    let sees = (queries.documents <= j) & (j <= t) & (t - j < vec4<u32>(arguments.seen));
    let scores = capped(products * arguments.scale);
    let factors = kept(schedule[control.row].seed, (vec4<u32>(plane * arguments.time) + t) * arguments.time + j);
    let slopes = (factors * flows - queries.delta) * cap_slope(scores);
    return select(vec4<f32>(), exp(scores - queries.lse) * select(slopes, factors, of_value), sees);
}
"#;
pub(crate) const W7AE9F516: &str = r#"
const PART_ROWS: u32 = SIDE / PARTS / EDGE;
"#;
pub(crate) const W7B75EEB3: &str = r#"
fn weights(output: u32, k: u32) -> Entry {
    return Entry(w[output * arguments.inner + k]);
}
"#;
pub(crate) const W7C47CE40: &str = r#"@compute @workgroup_size(INVOCATIONS)
fn linear_tiled(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    product = group.z;
    let tile = tile_corner(group_number(group), arguments.column_tiles, SIDE);
    if tile.x >= arguments.rows {
        return;
    }
    let corner = block_corner(index % 64u, 8u);
    let staged = staged_place(index);
    var blocks = mat4x4<f32>();
    for (var first = 0u; first < arguments.inner; first += STEPS) {
        let step = first + staged.y;
        var staged_left = mat4x4<f32>();
        var staged_right = mat4x4<f32>();
        if step < arguments.inner && stages_left(index) {
            staged_left = left(tile.x + staged.x, step);
        }
        if step < arguments.inner && stages_right(index) {
            staged_right = right(tile.y + staged.x, step);
        }
        stage(index, staged_left, staged_right);
        workgroupBarrier();
        multiply_staged(&blocks, index);
        workgroupBarrier();
    }
    let row = tile.x + corner.x;
    let column = tile.y + corner.y;
    store_row(row + index / 64u, column, row_of_sum(blocks, index));
}
"#;
pub(crate) const W7C555BC1: &str = r#"
fn qkv_channels(row: u32, head: u32, channel: u32) -> vec4<f32> {
    let at = (row * (arguments.heads + 2u * arguments.kv_heads) + head) * arguments.head_size;
    let entries = vec4<f32>(qkv[(at + min(channel, arguments.head_size - 4u)) / 4u]);
    return select(vec4<f32>(), entries, channel < arguments.head_size);
}
"#;
pub(crate) const W7CC6EE24: &str = r#"
const CUBIC: f32 = 0.044715;
"#;
pub(crate) const W7D0364BC: &str = r#"
fn mark(number: u32) {
    if number < CHUNK {
        atomicOr(&marks[number / 32u], 1u << (number % 32u));
    }
}
"#;
pub(crate) const W7D143630: &str = r#"
alias Entry = f32;
"#;
pub(crate) const W7D2FCDB7: &str = r#"
@compute @workgroup_size(64)
fn linear_weight_backward_cooperative(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let slice = group_number(group) / arguments.tiles;
    let steps = slice_steps(slice);
    if steps.x >= arguments.inner {
        return;
    }
    let tile = tile_corner(group_number(group) % arguments.tiles, arguments.column_tiles, SIDE);
    let own = own_subgroup(index);
    for (var turn = 0u; turn < own.turns; turn += 1u) {
        let part = own.number + turn * own.count;
        let part_row = part * PART_ROWS * EDGE;
        var sums = Sums();
        for (var first = steps.x; first < steps.y; first += DEPTH) {
            workgroupBarrier();
            for (var at = index; at < SIDE * DEPTH / 4u; at += 4u * INVOCATIONS) {
                stage(tile, first, at, steps.y);
                stage(tile, first, at + INVOCATIONS, steps.y);
                stage(tile, first, at + 2u * INVOCATIONS, steps.y);
                stage(tile, first, at + 3u * INVOCATIONS, steps.y);
            }
            workgroupBarrier();
            if part < PARTS {
                for (var step = 0u; step < DEPTH; step += EDGE) {
                    add_products(&sums, left_across(part_row, step), right_across(step));
                }
            }
        }
        for (var half_row = 0u; half_row < 2u * PART_ROWS; half_row += 1u) {
            workgroupBarrier();
            if part < PARTS {
                keep(&sums, own, half_row);
            }
            workgroupBarrier();
            if part < PARTS {
                let row = tile.x + part_row + half_row / 2u * EDGE;
                let column = tile.y + half_row % 2u * KEPT_COLUMNS;
                for (var at = 4u * own.lane; at < EDGE * KEPT_COLUMNS; at += 4u * INVOCATIONS / own.count) {
                    store_row(slice, row + at / KEPT_COLUMNS, column + at % KEPT_COLUMNS, kept_four(own, at));
                }
            }
        }
    }
}
"#;
pub(crate) const W7D798067: &str = r#"
@group(0) @binding(3)
var<storage, read_write> dw: array<f32>;
"#;
pub(crate) const W7E07BE3E: &str = r#"
fn exponentials(scores: vec4<f32>, largest: vec4<f32>) -> vec4<f32> {
    return select(exp(scores - largest), vec4<f32>(), scores == vec4<f32>(MIN_SCORE));
}
"#;
pub(crate) const W7F57DB32: &str = r#"
fn random_bits(seed: vec2<u32>, site: u32, index: u32) -> u32 {
    return mix_bits((mix_bits(index ^ seed.x) + seed.y) ^ (site * 2654435769u));
}
"#;
pub(crate) const W7FCA8B3D: &str = r#"
@compute @workgroup_size(64)
fn linear_few(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group);
    if at >= arguments.count {
        return;
    }
    let row = at / arguments.columns * arguments.inner;
    let output = at % arguments.columns;
    var products = Entry(0.0);
    for (var k = local; k < arguments.inner; k += LANES) {
        products += x[row + k] * weights(output, k);
    }
    var value = sum_of_subgroups(total(products), local, LANES);
    if local == 0u {
        let place = at / arguments.columns * arguments.stride + at % arguments.columns;
        let biased = arguments.biased == 1u;
        let residual = arguments.residual == 1u;
        value = select(value, value + b[select(0u, output, biased)], biased);
        value = select(value, value + r[select(0u, place, residual)], residual);
        y[place] = value;
    }
}
"#;
pub(crate) const W8068228C: &str = r#"
fn w_steps(column: u32, step: u32) -> vec4<f32> {
    let at = (product * arguments.columns + min(column, arguments.columns - 1u)) * arguments.inner + step;
    return vec4<f32>(w_entry(at, step, 0u), w_entry(at, step, 1u), w_entry(at, step, 2u), w_entry(at, step, 3u));
}
"#;
pub(crate) const W8139DF19: &str = r#"
fn w_columns(step: u32, column: u32) -> vec4<f32> {
    let inside = product * arguments.inner + min(step, arguments.inner - 1u);
    let columns = vec4<f32>(w[(inside * arguments.columns + min(column, arguments.columns - 4u)) / 4u]);
    return select(vec4<f32>(), columns, step < arguments.inner);
}
"#;
pub(crate) const W81677BDB: &str = r#"
fn dy_columns(step: u32, row: u32) -> vec4<f32> {
    return vec4<f32>(dy[(step * arguments.stride + min(row, arguments.rows - 4u)) / 4u]);
}
"#;
pub(crate) const W818D0471: &str = r#"
struct Cursor {
    start: u32,
    length: u32,
    text: u32
}
"#;
pub(crate) const W81AA33AE: &str = r#"
@compute @workgroup_size(64)
fn unlikelihood(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_number(group);
    if row >= arguments.rows {
        return;
    }
    let start = row * arguments.vocabulary;
    var most = logits[start];
    for (var j = local; j < arguments.vocabulary; j += 64u) {
        most = max(most, logits[start + j]);
    }
    most = max_of_group(most, local, 64u);
    var exponentials = 0.0;
    for (var j = local; j < arguments.vocabulary; j += 64u) {
        exponentials += exp(logits[start + j] - most);
    }
    let lse = most + log(sum_of_group(exponentials, local, 64u));
    let ring = control.row * arguments.rows;
    let goal = targets[ring + row];
    let position = row % arguments.time;
    let first = select(0u, starts[ring + row], arguments.documents == 1u);
    var unlikely = 0.0;
    var odds = 0.0;
    for (var from_token = 0u; from_token < arguments.vocabulary; from_token += CHUNK) {
        clear_marks(local, 64u);
        workgroupBarrier();
        for (var t = first + local; t <= position; t += 64u) {
            let token = tokens[ring + row - position + t];
            if token >= from_token && token != goal {
                mark(token - from_token);
            }
        }
        workgroupBarrier();
        let count = min(CHUNK, arguments.vocabulary - from_token);
        for (var j = local; j < count; j += 64u) {
            if is_marked(j) {
                let p = exp(logits[start + from_token + j] - lse);
                let rest = max(1.0 - p, 1e-5);
                unlikely -= log(rest);
                odds += select(0.0, p / rest, 1.0 - p >= 1e-5);
            }
        }
        workgroupBarrier();
    }
    let penalty = sum_of_group(unlikely, local, 64u);
    let sum = sum_of_group(odds, local, 64u);
    if local == 0u {
        let loss = lse - logits[start + min(goal, arguments.vocabulary - 1u)] + arguments.alpha * penalty;
        let ignored = arguments.ignoring == 1u && goal == arguments.ignored;
        rows[row] = vec2<f32>(lse, select(loss, 0.0, ignored));
        sums[row] = vec2<f32>(lse, sum);
    }
}
"#;
pub(crate) const W82232E4C: &str = r#"
@group(0) @binding(1)
var<storage, read> gates: array<f32>;
"#;
pub(crate) const W8240977E: &str = r#"
fn sum_of_row(value: f32, local: u32) -> f32 {
    return sum_of_group(value, local, LANES);
}
"#;
pub(crate) const W82C490A1: &str = r#"
@compute @workgroup_size(256)
fn noise(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        y[at] = x[at] + arguments.size * drawn(at);
    }
}
"#;
pub(crate) const W839EE6F6: &str = r#"
@group(0) @binding(6)
var<storage, read_write> dx: array<Stored>;
"#;
pub(crate) const W83E52C54: &str = r#"
var<workgroup> shares: array<f32, LANES>;
"#;
pub(crate) const W8403D551: &str = r#"
var<workgroup> lane_keys: array<u32, LANES>;
"#;
pub(crate) const W84552074: &str = r#"
fn bounded(bits: u32) -> f32 {
    let magnitude = bits & 2147483647u;
    if magnitude <= bitcast<u32>(MAX_LOGIT) {
        return bitcast<f32>(bits);
    }
    let undefined = magnitude > 2139095040u;
    return select(MAX_LOGIT, -MAX_LOGIT, undefined || bits != magnitude);
}
"#;
pub(crate) const W8615F697: &str = r#"
fn store_one(row: u32, column: u32, sum: f32) {
    if row < arguments.rows && column < arguments.columns {
        let at = (product * arguments.rows + row) * arguments.stride + column;
        var value = sum;
        let biased = arguments.biased == 1u;
        let residual = arguments.residual == 1u;
        value = select(value, value + b[select(0u, column, biased)], biased);
        value = select(value, value + r[select(0u, at, residual)], residual);
        y[at] = Result(value);
    }
}
"#;
pub(crate) const W86909ABB: &str = r#"
const EDGE: u32 = 8u;
"#;
pub(crate) const W86D4D28A: &str = r#"
fn block_corner(index: u32, group: u32) -> vec2<u32> {
    return vec2<u32>(index / group, index % group) * 4u;
}
"#;
pub(crate) const W86FB96BF: &str = r#"
fn store_row(row: u32, column: u32, values: vec4<f32>) {
    store_one(row, column, values.x);
    store_one(row, column + 1u, values.y);
    store_one(row, column + 2u, values.z);
    store_one(row, column + 3u, values.w);
}
"#;
pub(crate) const W87A04D60: &str = r#"struct Arguments {
    rows: u32,
    columns: u32,
    rank: u32,
    factor: f32
}
"#;
pub(crate) const W87A75E37: &str = r#"
fn key_of(logit: f32) -> u32 {
    let bits = select(bitcast<u32>(logit), 0u, logit == 0.0);
    return select(bits | 2147483648u, ~bits, bits >= 2147483648u);
}
"#;
pub(crate) const W87B7AFC9: &str = r#"
@group(0) @binding(3)
var<storage, read_write> reports: array<ReportRow>;
"#;
pub(crate) const W87C6AA95: &str = r#"
fn store_row(slice: u32, row: u32, column: u32, values: vec4<f32>) {
    store_one(slice, row, column, values.x);
    store_one(slice, row, column + 1u, values.y);
    store_one(slice, row, column + 2u, values.z);
    store_one(slice, row, column + 3u, values.w);
}
"#;
pub(crate) const W87E8E882: &str = r#"
struct Arguments {
    time: u32,
    capacity: u32
}
"#;
pub(crate) const W881624AE: &str = r#"
@group(0) @binding(2)
var<storage, read> a: array<f32>;
"#;
pub(crate) const W8855A2ED: &str = r#"
@group(0) @binding(4)
var<storage, read> order: array<u32>;
"#;
pub(crate) const W8880B2A2: &str = r#"
fn outer(rows: vec4<f32>, columns: vec4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(columns * rows.x, columns * rows.y, columns * rows.z, columns * rows.w);
}
"#;
pub(crate) const W890FD47C: &str = r#"
fn add_products(sums: ptr<function, Sums>, left: LeftMatrices, right: RightMatrices) {
    (*sums)[0] = coopMultiplyAdd(left[0], right[0], (*sums)[0]);
    (*sums)[1] = coopMultiplyAdd(left[0], right[1], (*sums)[1]);
    (*sums)[2] = coopMultiplyAdd(left[0], right[2], (*sums)[2]);
    (*sums)[3] = coopMultiplyAdd(left[0], right[3], (*sums)[3]);
    (*sums)[4] = coopMultiplyAdd(left[1], right[0], (*sums)[4]);
    (*sums)[5] = coopMultiplyAdd(left[1], right[1], (*sums)[5]);
    (*sums)[6] = coopMultiplyAdd(left[1], right[2], (*sums)[6]);
    (*sums)[7] = coopMultiplyAdd(left[1], right[3], (*sums)[7]);
}
"#;
pub(crate) const W892E7B61: &str = r#"
@compute @workgroup_size(256)
fn scale(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        let place = at % max(arguments.period, 1u);
        let biased = arguments.biased == 1u;
        var value = x[at] * arguments.factor;
        value = select(value, value * w[place], arguments.period > 0u);
        value = select(value, value + b[select(0u, place, biased)], biased);
        y[at] = value;
    }
}
"#;
pub(crate) const W89973BAA: &str = r#"
@group(0) @binding(4)
var<storage, read> shares: array<f32>;
"#;
pub(crate) const W89C40F9E: &str = r#"
const NUCLEUS: f32 = 0.999999;
"#;
pub(crate) const W8A9057C7: &str = r#"
var<workgroup> means: array<vec2<f32>, 64>;
"#;
pub(crate) const W8BA0BAB8: &str = r#"struct Arguments {
    count: u32,
    columns: u32
}
"#;
pub(crate) const W8C215E57: &str = r#"
fn right_across_matrix(column: u32, step: u32) -> RightMatrix {
    return coopLoadT<RightMatrix>(&right_tile[across_at(vec2<u32>(column, step))], ACROSS / UNIT);
}
"#;
pub(crate) const W8C736C8B: &str = r#"
fn multiply(block: ptr<function, mat4x4<f32>>, row: u32, column: u32, steps: u32) {
    for (var first = 0u; first < steps; first += 4u) {
        for (var step = 0u; step < 4u; step += 1u) {
            let rows = left_tile[first + step][row];
            let columns = right_tile[first + step][column];
            *block += mat4x4<f32>(columns * rows.x, columns * rows.y, columns * rows.z, columns * rows.w);
        }
    }
}
"#;
pub(crate) const W8CD90301: &str = r#"
fn w_columns(step: u32, column: u32) -> vec4<f32> {
    let inside = product * arguments.inner + min(step, arguments.inner - 1u);
    let columns = vec4<f32>(w[(inside * arguments.columns + min(column, arguments.columns - 4u)) / 4u]);
    return columns;
}
"#;
pub(crate) const W8D63A552: &str = r#"
fn add_products(sums: ptr<function, Sums>, left_by_value: LeftMatrices, right_by_value: RightMatrices) {
    var left = left_by_value;
    var right = right_by_value;
    for (var row = 0u; row < PART_ROWS; row += 1u) {
        for (var column = 0u; column < PART_COLUMNS; column += 1u) {
            let at = row * PART_COLUMNS + column;
            (*sums)[at] = coopMultiplyAdd(left[row], right[column], (*sums)[at]);
        }
    }
}
"#;
pub(crate) const W8D778FB2: &str = r#"
@compute @workgroup_size(256)
fn unpack(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        y[at] = entry(at);
    }
}
"#;
pub(crate) const W8DB3E444: &str = r#"
@group(0) @binding(2)
var<storage, read> dy: array<Entry>;
"#;
pub(crate) const W8E03EF98: &str = r#"
@group(0) @binding(3)
var<storage, read_write> dw: array<vec4<f32>>;
"#;
pub(crate) const W8E98F1F2: &str = r#"
fn operand(of_dy: bool, window: u32, first: u32, head: u32, channel: u32) -> mat4x4<f32> {
    if !of_dy {
        return qkv_block(window, first, head, channel);
    }
    let at = vec4<u32>(window) + positions_from(first);
    return mat4x4<f32>(dy_channels(at.x, head, channel), dy_channels(at.y, head, channel), dy_channels(at.z, head, channel), dy_channels(at.w, head, channel));
}
"#;
pub(crate) const W8EA9DD8E: &str = r#"
fn right(column: u32, step: u32) -> mat4x4<f32> {
    return mat4x4<f32>(w_columns(step, column), w_columns(step + 1u, column), w_columns(step + 2u, column), w_columns(step + 3u, column));
}
"#;
pub(crate) const W8F2AD501: &str = r#"
@group(0) @binding(4)
var<storage, read_write> y: array<Stored>;
"#;
pub(crate) const W8FDD9370: &str = r#"
@group(0) @binding(4)
var<storage, read_write> y: array<f32>;
"#;
pub(crate) const W916C3F7F: &str = r#"
@group(0) @binding(2)
var<storage, read> schedule: array<ScheduleRow>;
"#;
pub(crate) const W91E6CA01: &str = r#"
@group(0) @binding(1)
var<storage, read> partials: array<vec2<f32>>;
"#;
pub(crate) const W924842B8: &str = r#"
@group(0) @binding(3)
var<storage, read_write> second: array<Entry>;
"#;
pub(crate) const W92660EF3: &str = r#"
fn max_of_group(value: f32, local: u32, size: u32) -> f32 {
    lanes[local] = value;
    workgroupBarrier();
    for (var half = size / 2u; half > 0u; half /= 2u) {
        if local < half {
            lanes[local] = max(lanes[local], lanes[local + half]);
        }
        workgroupBarrier();
    }
    let largest = lanes[0];
    workgroupBarrier();
    return largest;
}
"#;
pub(crate) const W928779A0: &str = r#"
@group(0) @binding(3)
var<storage, read> dy: array<Stored>;
"#;
pub(crate) const W92E6200A: &str = r#"
@group(0) @binding(1)
var<storage, read> x: array<f32>;
"#;
pub(crate) const W933FE504: &str = r#"
const COLUMNS: u32 = 64u;
"#;
pub(crate) const W93ABBE2C: &str = r#"
@compute @workgroup_size(256)
fn embedding_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let position = group_number(group) / arguments.chunks;
    let column = group_number(group) % arguments.chunks * 32u + local % 32u;
    if position >= arguments.count {
        return;
    }
    let begin = control.row * 2u * arguments.count + position;
    let length = order[begin + arguments.count];
    if length == 0u {
        return;
    }
    var sum = Entry(0.0);
    if column < arguments.channels {
        sum = run_sum(begin, local / 32u, 8u, length, column);
    }
    sums[local] = sum;
    workgroupBarrier();
    let bound = tokens[control.row * arguments.count + order[begin]] - arguments.first;
    if local < 32u && column < arguments.channels && bound < arguments.rows {
        for (var lane = 1u; lane < 8u; lane += 1u) {
            sum += sums[lane * 32u + local];
        }
        dtable[bound * arguments.channels + column] += sum;
    }
}
"#;
pub(crate) const W93CAF7AE: &str = r#"
fn logit_of(key: u32) -> f32 {
    return bitcast<f32>(select(~key, key & 2147483647u, key >= 2147483648u));
}
"#;
pub(crate) const W9545BC88: &str = r#"
@group(0) @binding(3)
var<storage, read> tokens: array<u32>;
"#;
pub(crate) const W959F3FFB: &str = r#"
fn left(row: u32, step: u32) -> mat4x4<f32> {
    return mat4x4<f32>(x_steps(row, step), x_steps(row + 1u, step), x_steps(row + 2u, step), x_steps(row + 3u, step));
}
"#;
pub(crate) const W95DC85D8: &str = r#"struct Arguments {
    count: u32,
    hidden: u32
}
"#;
pub(crate) const W963E2A0A: &str = r#"
fn gelu_exact_slope(x: Entry) -> Entry {
    let density = ROOT_1_OVER_2_PI * exp(max(-0.5 * x * x, Entry(-80.0)));
    return 0.5 * (1.0 + error_function(x * ROOT_HALF)) + x * density;
}
"#;
pub(crate) const W971146B8: &str = r#"
const BLOCK: u32 = 16u;
"#;
pub(crate) const W97942A5C: &str = r#"
fn right_four(tile_column: u32, first: u32, place: vec2<u32>) -> Four {
    let step = first + place.y;
    let numbers = w[(min(tile_column + place.x, arguments.columns - 1u) * arguments.inner + min(step, arguments.inner - 4u)) / 4u];
    return select(Four(), numbers, step < arguments.inner);
}
"#;
pub(crate) const W97EAE26D: &str = r#"
@group(0) @binding(5)
var<storage, read_write> dtable: array<Entry>;
"#;
pub(crate) const W981AE7BD: &str = r#"
@group(0) @binding(5)
var<storage, read> r: array<f32>;
"#;
pub(crate) const W98609812: &str = r#"
@compute @workgroup_size(256)
fn expert_load(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let expert = group_number(group);
    if expert >= arguments.experts {
        return;
    }
    let first = control.row * arguments.rows;
    var count = 0.0;
    var whole = 0.0;
    for (var n = local; n < arguments.rows; n += 256u) {
        let counts = shares[first + n] != 0.0;
        whole += select(0.0, 1.0, counts);
        count += select(0.0, 1.0, counts && gates[n * arguments.experts + expert] != 0.0);
    }
    let chosen = sum_of_group(count, local, 256u);
    let counted = sum_of_group(whole, local, 256u);
    if local == 0u {
        load[expert] = chosen / max(counted, 1.0);
    }
}
"#;
pub(crate) const W98DC70AB: &str = r#"
@compute @workgroup_size(256)
fn softcap(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        let value = softcapped(given[at], arguments.cap);
        result[at] = value;
    }
}
"#;
pub(crate) const W98FC6BBD: &str = r#"
const UNIT: u32 = 1u;
"#;
pub(crate) const W993710E7: &str = r#"
fn is_marked(number: u32) -> bool {
    return ((atomicLoad(&marks[number / 32u]) >> (number % 32u)) & 1u) == 1u;
}
"#;
pub(crate) const W99EAAC9B: &str = r#"
fn factor(index: u32) -> f32 {
    let bits = random_bits(schedule[control.row].seed, arguments.site, index);
    return select(arguments.scale, 0.0, bits < arguments.threshold);
}
"#;
pub(crate) const W9A80AB71: &str = r#"struct Arguments {
    count: u32,
    cap: f32
}
"#;
pub(crate) const W9B3FC55F: &str = r#"struct Arguments {
    rows: u32,
    time: u32,
    heads: u32,
    kv_heads: u32,
    head_size: u32,
    positions: u32
}
"#;
pub(crate) const W9BAE96C7: &str = r#"
@group(0) @binding(2)
var<storage, read_write> result: array<f32>;
"#;
pub(crate) const W9CAD8F74: &str = r#"
@compute @workgroup_size(64)
fn head_norm_weight_partial(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let number = group_number(group) * 64u + local;
    let columns = arguments.query_size + arguments.key_size;
    let segment = number / columns;
    if segment >= arguments.segments {
        return;
    }
    let column = number % columns;
    let is_key = column >= arguments.query_size;
    let d = select(column, column - arguments.query_size, is_key);
    let normed_groups = arguments.queries + arguments.keys;
    let first_group = select(0u, arguments.queries, is_key);
    let end_group = select(arguments.queries, normed_groups, is_key);
    let first_row = segment * arguments.rows_in_segment;
    let end_row = min(first_row + arguments.rows_in_segment, arguments.rows);
    var sum = 0.0;
    for (var row = first_row; row < end_row; row++) {
        for (var in_row = first_group; in_row < end_group; in_row++) {
            let at = d + first_entry(row, in_row, arguments.queries, arguments.query_size, arguments.keys, arguments.key_size);
            sum += f32(x[at]) * roots[row * normed_groups + in_row] * f32(dy[at]);
        }
    }
    partial_sums[number] = sum;
}
"#;
pub(crate) const W9D540375: &str = r#"
fn sum_of_column(value: Entry, local: u32) -> Entry {
    {
        columns[local] = value;
        workgroupBarrier();
        for (var half = STEP / 2u; half > 0u; half /= 2u) {
            if local < half * COLUMNS {
                columns[local] += columns[local + half * COLUMNS];
            }
            workgroupBarrier();
        }
        let sum = columns[local % COLUMNS];
        workgroupBarrier();
        return sum;
    }
}
"#;
pub(crate) const W9D79ED31: &str = r#"
const WIDTH: u32 = 4u;
"#;
pub(crate) const W9D920F82: &str = r#"
fn right_across(step: u32) -> RightMatrices {
    return RightMatrices(right_across_matrix(0u, step), right_across_matrix(EDGE, step), right_across_matrix(2u * EDGE, step), right_across_matrix(3u * EDGE, step));
}
"#;
pub(crate) const W9EBF195E: &str = r#"
@group(0) @binding(3)
var<storage, read_write> y: array<Entry>;
"#;
pub(crate) const W9EE3FA8E: &str = r#"
@group(0) @binding(3)
var<storage, read_write> keys: array<f32>;
"#;
pub(crate) const W9F24018C: &str = r#"alias Result = Entry;
"#;
pub(crate) const WA03BB0FA: &str = r#"
fn backward(of_query: bool, of_value: bool, rank: u32, text: u32, head: u32, column: u32, local: u32) {
    let window = text * arguments.time;
    let sharers = arguments.heads / arguments.kv_heads;
    let pair = select((head - arguments.heads) % arguments.kv_heads, head / sharers, of_query);
    let key_head = arguments.heads + pair;
    let value_head = key_head + arguments.kv_heads;
    let first = select(rank, (arguments.time - 1u) / SIDE - rank, of_query) * SIDE;
    let oldest = max(first + 1u - min(first + 1u, arguments.seen), document_start(window + first));
    let begin = select(first, oldest, of_query);
    let end = min(arguments.time, first + SIDE + select(arguments.seen - 1u, 0u, of_query));
    let own = local % 8u;
    let other = local / 8u;
    let mine = first + 4u * own;
    var gradient = mat4x4<f32>();
    var gradient_right = mat4x4<f32>();
    if of_query {
        stage_deltas(window, first, head, own, other);
    }
    for (var sharer = 0u; sharer < select(sharers, 1u, of_query); sharer += 1u) {
        let query_head = select(pair * sharers + sharer, head, of_query);
        let query_plane = text * arguments.heads + query_head;
        for (var start = begin; start < end; start += SIDE) {
            if !of_query && document_start(window + start) >= first + SIDE {
                break;
            }
            let theirs = start + 4u * own;
            if !of_query && !of_value {
                stage_deltas(window, start, query_head, own, other);
            }
            var products = mat4x4<f32>();
            for (var channel = 0u; channel < arguments.head_size; channel += SIDE) {
                workgroupBarrier();
                stage_left(qkv_block(window, theirs, select(query_head, key_head, of_query), channel + 4u * other), own, other);
                stage_right(qkv_block(window, mine, select(key_head, head, of_query), channel + 4u * other), own, other);
                workgroupBarrier();
                multiply(&products, other, own, min(SIDE, arguments.head_size - channel));
            }
            var flows = mat4x4<f32>();
            for (var channel = 0u; channel < select(arguments.head_size, 0u, of_value); channel += SIDE) {
                workgroupBarrier();
                stage_left(operand(!of_query, window, theirs, select(query_head, value_head, of_query), channel + 4u * other), own, other);
                stage_right(operand(of_query, window, mine, select(value_head, head, of_query), channel + 4u * other), own, other);
                workgroupBarrier();
                multiply(&flows, other, own, min(SIDE, arguments.head_size - channel));
            }
            workgroupBarrier();
            let their = start + 4u * other;
            if of_query {
                let queries = queries_from(window, query_plane, mine, staged_deltas(own));
                left_tile[4u * other][own] = weights(false, query_plane, queries, vec4<u32>(their), products[0], flows[0]);
                left_tile[4u * other + 1u][own] = weights(false, query_plane, queries, vec4<u32>(their + 1u), products[1], flows[1]);
                left_tile[4u * other + 2u][own] = weights(false, query_plane, queries, vec4<u32>(their + 2u), products[2], flows[2]);
                left_tile[4u * other + 3u][own] = weights(false, query_plane, queries, vec4<u32>(their + 3u), products[3], flows[3]);
            }
            else {
                let keys = positions_from(mine);
                var deltas = vec4<f32>();
                if !of_value {
                    deltas = staged_deltas(other);
                }
                left_tile[4u * other][own] = weights(of_value, query_plane, repeated(window, query_plane, their, deltas.x), keys, products[0], flows[0]);
                left_tile[4u * other + 1u][own] = weights(of_value, query_plane, repeated(window, query_plane, their + 1u, deltas.y), keys, products[1], flows[1]);
                left_tile[4u * other + 2u][own] = weights(of_value, query_plane, repeated(window, query_plane, their + 2u, deltas.z), keys, products[2], flows[2]);
                left_tile[4u * other + 3u][own] = weights(of_value, query_plane, repeated(window, query_plane, their + 3u, deltas.w), keys, products[3], flows[3]);
            }
            let source = select(query_head, key_head, of_query);
            stage_steps(operand(of_value, window, their, source, column + 4u * own), other, own);
            workgroupBarrier();
            multiply(&gradient, own, other, min(SIDE, end - start));
            if column + SIDE < arguments.head_size {
                workgroupBarrier();
                stage_steps(operand(of_value, window, their, source, column + SIDE + 4u * own), other, own);
                workgroupBarrier();
                multiply(&gradient_right, own, other, min(SIDE, end - start));
            }
        }
    }
    let scale = select(arguments.scale, 1.0, of_value);
    let channel = column + 4u * other;
    store(window, mine, head, channel, gradient[0] * scale);
    store(window, mine + 1u, head, channel, gradient[1] * scale);
    store(window, mine + 2u, head, channel, gradient[2] * scale);
    store(window, mine + 3u, head, channel, gradient[3] * scale);
    store(window, mine, head, channel + SIDE, gradient_right[0] * scale);
    store(window, mine + 1u, head, channel + SIDE, gradient_right[1] * scale);
    store(window, mine + 2u, head, channel + SIDE, gradient_right[2] * scale);
    store(window, mine + 3u, head, channel + SIDE, gradient_right[3] * scale);
}
"#;
pub(crate) const WA07233F3: &str = r#"
@group(0) @binding(2)
var<storage, read> roots: array<f32>;
"#;
pub(crate) const WA0B4DFA3: &str = r#"
@group(0) @binding(8)
var<storage, read_write> dlog_threshold: array<f32>;
"#;
pub(crate) const WA0BF5FCC: &str = r#"
@group(0) @binding(2)
var<storage, read> table: array<Stored>;
"#;
pub(crate) const WA18F9AB3: &str = r#"
@group(0) @binding(7)
var<storage, read> loss: array<f32>;
"#;
pub(crate) const WA331CD61: &str = r#"
@group(0) @binding(2)
var<storage, read> y: array<f32>;
"#;
pub(crate) const WA39B7F08: &str = r#"
alias Result = f32;
"#;
pub(crate) const WA3C2D218: &str = r#"
@group(0) @binding(2)
var<storage, read> x: array<Four>;
"#;
pub(crate) const WA47AC17E: &str = r#"
@group(0) @binding(6)
var<storage, read> r: array<Entry>;
"#;
pub(crate) const WA49761BE: &str = r#"
@group(0) @binding(2)
var<storage, read> rows: array<vec2<f32>>;
"#;
pub(crate) const WA4F5DB39: &str = r#"
fn store_entry(at: u32, channel: u32, value: f32) {
    if channel < arguments.head_size {
        dqkv[at + channel] = Stored(value);
    }
}
"#;
pub(crate) const WA538A15B: &str = r#"
fn sum_of_column(value: Entry, local: u32) -> Entry {
    return value;
}
"#;
pub(crate) const WA55A1C43: &str = r#"
@compute @workgroup_size(64)
fn linear_cooperative(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let tile = tile_corner(group_number(group), arguments.column_tiles, SIDE);
    if tile.x >= arguments.rows {
        return;
    }
    let own = own_subgroup(index);
    for (var turn = 0u; turn < own.turns; turn += 1u) {
        let part = own.number + turn * own.count;
        let part_row = part * PART_ROWS * EDGE;
        var sums = Sums();
        for (var first = 0u; first < arguments.inner; first += DEPTH) {
            workgroupBarrier();
            for (var at = index; at < SIDE * DEPTH / 4u; at += 4u * INVOCATIONS) {
                stage(tile, first, at);
                stage(tile, first, at + INVOCATIONS);
                stage(tile, first, at + 2u * INVOCATIONS);
                stage(tile, first, at + 3u * INVOCATIONS);
            }
            workgroupBarrier();
            if part < PARTS {
                for (var step = 0u; step < DEPTH; step += EDGE) {
                    add_products(&sums, left_along(part_row, step), right_along(step));
                }
            }
        }
        for (var half_row = 0u; half_row < 2u * PART_ROWS; half_row += 1u) {
            workgroupBarrier();
            if part < PARTS {
                keep(&sums, own, half_row);
            }
            workgroupBarrier();
            if part < PARTS {
                let row = tile.x + part_row + half_row / 2u * EDGE;
                let column = tile.y + half_row % 2u * KEPT_COLUMNS;
                for (var at = 4u * own.lane; at < EDGE * KEPT_COLUMNS; at += 4u * INVOCATIONS / own.count) {
                    store_row(row + at / KEPT_COLUMNS, column + at % KEPT_COLUMNS, kept_four(own, at));
                }
            }
        }
    }
}
"#;
pub(crate) const WA5F823C2: &str = r#"
@compute @workgroup_size(64)
fn norm(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_number(group);
    if row >= arguments.rows {
        return;
    }
    let start = row * arguments.channels;
    let count = f32(arguments.channels * WIDTH);
    var mean = 0.0;
    var squares = Entry(0.0);
    for (var c = local; c < arguments.channels; c += LANES) {
        let centred = x[start + c] - mean;
        squares += centred * centred;
    }
    let root = 1.0 / sqrt(sum_of_row(total(squares), local) / count + arguments.eps);
    for (var c = local; c < arguments.channels; c += LANES) {
        var scaled = (x[start + c] - mean) * root * (w[c] + arguments.offset);
        let biased = arguments.biased == 1u;
        scaled = select(scaled, scaled + b[select(0u, c, biased)], biased);
        y[start + c] = Stored(scaled);
    }
    if local == 0u {
        statistics[row] = vec2<f32>(mean, root);
    }
}
"#;
pub(crate) const WA63ECF49: &str = r#"
fn along_at(place: vec2<u32>) -> u32 {
    return (place.x * ALONG + place.y) / UNIT;
}
"#;
pub(crate) const WA6A96A10: &str = r#"
fn store_one(slice: u32, row: u32, column: u32, product: f32) {
    if row < arguments.rows && column < arguments.columns {
        let at = (slice * arguments.rows + row) * arguments.columns + column;
        dw[at] = product + select(0.0, dw[at], arguments.accumulate == 1u);
    }
}
"#;
pub(crate) const WA72A790E: &str = r#"
@group(0) @binding(4)
var<storage, read> r: array<f32>;
"#;
pub(crate) const WA759355F: &str = r#"
@group(0) @binding(3)
var<storage, read_write> dx: array<Result>;
"#;
pub(crate) const WA838C1E7: &str = r#"
const UNIT: u32 = 4u;
"#;
pub(crate) const WA8567873: &str = r#"
var<workgroup> row_parts: array<array<vec4<f32>, 8>, 8>;
"#;
pub(crate) const WA8D0FEBC: &str = r#"
var<workgroup> parts: array<f32, 256>;
"#;
pub(crate) const WA8D23C4E: &str = r#"
@group(0) @binding(3)
var<storage, read_write> y: array<f32>;
"#;
pub(crate) const WA9C0B976: &str = r#"
fn sigmoid(x: f32) -> f32 {
    return 1.0 / (1.0 + exp(-clamp(x, -80.0, 80.0)));
}
"#;
pub(crate) const WAA4FC580: &str = r#"
const RELU_SQUARED: u32 = 3u;
"#;
pub(crate) const WAB1E1210: &str = r#"
@group(0) @binding(1)
var<storage, read> settings: array<SampleSettings>;
"#;
pub(crate) const WAB39C196: &str = r#"
fn turned(start: vec4<f32>, factor: vec4<f32>, addend: vec4<f32>) -> vec4<f32> {
    var x = fma(start, factor, addend);
    x = fma(x, factor, addend);
    x = fma(x, factor, addend);
    x = fma(x, factor, addend);
    x = fma(x, factor, addend);
    x = fma(x, factor, addend);
    x = fma(x, factor, addend);
    return fma(x, factor, addend);
}
"#;
pub(crate) const WAB4A4617: &str = r#"
fn stage(tile: vec2<u32>, first: u32, four: u32, end: u32) {
    let left = across(four);
    let right = across(four);
    stage_left(across_at(left), left_four(tile.x, first, left, end));
    stage_right(across_at(right), right_four(tile.y, first, right, end));
}
"#;
pub(crate) const WAB9B026A: &str = r#"
fn softcapped(x: f32, cap: f32) -> f32 {
    return cap * tanh(clamp(x / cap, -10.0, 10.0));
}
"#;
pub(crate) const WABF77109: &str = r#"
@group(0) @binding(5)
var<storage, read_write> rows: array<vec2<f32>>;
"#;
pub(crate) const WAC1EB8A2: &str = r#"
@compute @workgroup_size(256)
fn squared_error(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    let row = at;
    if row < arguments.rows {
        let goal = targets[control.row * arguments.rows + row];
        let ignored = arguments.ignoring == 1u && goal == arguments.ignored;
        {
            var error = 0.0;
            let start = row * arguments.columns;
            for (var j = start; j < start + arguments.columns; j += 1u) {
                error += (y[j] - x[j]) * (y[j] - x[j]);
            }
            result[row] = vec2<f32>(error, select(error, 0.0, ignored));
        }
    }
}
"#;
pub(crate) const WAC4779A4: &str = r#"
@group(0) @binding(5)
var<storage, read> dy: array<Stored>;
"#;
pub(crate) const WAC68C428: &str = r#"
@group(0) @binding(4)
var<storage, read> cursor: array<Cursor>;
"#;
pub(crate) const WAC8E9088: &str = r#"
@group(0) @binding(1)
var<storage, read> qkv: array<f32>;
"#;
pub(crate) const WACB7DB32: &str = r#"
@compute @workgroup_size(LANES)
fn sample(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let own = settings[group.x];
    if own.text == IDLE {
        return;
    }
    let vocabulary = arguments.vocabulary;
    let row = group.x * vocabulary;
    let ring = own.text * arguments.capacity;
    let length = state[own.text].length;
    let drawn = state[own.text].drawn;
    let draw = draws[own.text * arguments.each + drawn];
    for (var id = lane; id < vocabulary; id += LANES) {
        keys[row + id] = key_of(bounded(logits[row + id]));
    }
    storageBarrier();
    if own.repetition_penalty != 1.0 {
        let count = min(length, arguments.context_length);
        for (var at = lane; at < count; at += LANES) {
            let token = history[ring + (length - count + at) % arguments.capacity];
            if token < vocabulary {
                let logit = bounded(logits[row + token]);
                let penalty = own.repetition_penalty;
                let penalised = select(logit * penalty, logit / penalty, logit > 0.0);
                keys[row + token] = key_of(clamp(penalised, -MAX_LOGIT, MAX_LOGIT));
            }
        }
    }
    storageBarrier();
    if lane < own.masked_tokens && drawn < own.masked_draws {
        let token = select(own.masked[lane & 3u], own.masked_high[lane & 3u], lane >= 4u);
        if token < vocabulary {
            keys[row + token] = key_of(-MAX_LOGIT);
        }
    }
    storageBarrier();
    var best_key = 0u;
    var best_id = 0u;
    for (var id = lane; id < vocabulary; id += LANES) {
        if keys[row + id] > best_key {
            best_key = keys[row + id];
            best_id = id;
        }
    }
    lane_keys[lane] = best_key;
    lane_ids[lane] = best_id;
    workgroupBarrier();
    for (var other = 0u; other < LANES; other++) {
        let key = lane_keys[other];
        if key > best_key || (key == best_key && lane_ids[other] < best_id) {
            best_key = key;
            best_id = lane_ids[other];
        }
    }
    if lane == 0u {
        chosen = best_id;
    }
    if own.temperature > 0.0 {
        for (var id = lane; id < vocabulary; id += LANES) {
            weights[row + id] = weight_of(keys[row + id], best_key, own.temperature);
        }
        var threshold = 0u;
        var ties = f32(vocabulary);
        if own.top_k > 0u && own.top_k < vocabulary {
            let needed = f32(own.top_k);
            for (var bit = 0u; bit < 32u; bit++) {
                let candidate = threshold | (2147483648u >> bit);
                if count_from(row, lane, candidate) >= needed {
                    threshold = candidate;
                }
            }
            ties = needed - count_from(row, lane, threshold + 1u);
        }
        if own.top_p < 1.0 {
            let lowest = threshold;
            let above_lowest = mass_from(row, lane, lowest + 1u);
            let all = mass_from(row, lane, lowest);
            let limited = own.top_k > 0u && own.top_k < vocabulary;
            let total = select(all, above_lowest + ties * weight_of(lowest, best_key, own.temperature), limited);
            let needed = NUCLEUS * own.top_p * total;
            threshold = 0u;
            for (var bit = 0u; bit < 32u; bit++) {
                let candidate = threshold | (2147483648u >> bit);
                let mass = mass_from(row, lane, candidate);
                if candidate <= lowest || mass >= needed {
                    threshold = candidate;
                }
            }
            let above = mass_from(row, lane, threshold + 1u);
            let weight = weight_of(threshold, best_key, own.temperature);
            let wanted = clamp(ceil((needed - above) / max(weight, 1e-37)), 1.0, f32(vocabulary));
            ties = select(wanted, min(wanted, ties), threshold == lowest);
        }
        storageBarrier();
        let run = (vocabulary + LANES - 1u) / LANES;
        let first = min(lane * run, vocabulary);
        let end = min(first + run, vocabulary);
        var equals = 0.0;
        for (var id = first; id < end; id++) {
            equals += select(0.0, 1.0, keys[row + id] == threshold);
        }
        sum_of_lanes(lane, equals);
        var equals_before = 0.0;
        for (var other = 0u; other < lane; other++) {
            equals_before += lane_sums[other];
        }
        var mass = 0.0;
        var rank = equals_before;
        for (var id = first; id < end; id++) {
            let is_tie = keys[row + id] == threshold;
            let is_kept = keys[row + id] > threshold || (is_tie && rank < ties);
            rank += select(0.0, 1.0, is_tie);
            if is_kept && (weights[row + id] >= own.min_p || keys[row + id] == best_key) {
                mass += weights[row + id];
            }
            else {
                weights[row + id] = 0.0;
            }
        }
        workgroupBarrier();
        lane_sums[lane] = mass;
        workgroupBarrier();
        var total = 0.0;
        var before = 0.0;
        for (var other = 0u; other < LANES; other++) {
            before = select(before, total, other == lane);
            total += lane_sums[other];
        }
        let goal = draw * total;
        if mass > 0.0 && before <= goal && goal < before + mass {
            var reached = 0.0;
            var found = first;
            for (var id = first; id < end; id++) {
                if weights[row + id] > 0.0 {
                    found = id;
                    reached += weights[row + id];
                    if before + reached > goal {
                        break;
                    }
                }
            }
            chosen = found;
        }
    }
    workgroupBarrier();
    if lane == 0u {
        history[ring + length % arguments.capacity] = chosen;
        written[own.text * arguments.each + drawn] = chosen;
        state[own.text].length = length + 1u;
        state[own.text].drawn = drawn + 1u;
    }
}
"#;
pub(crate) const WAD75D374: &str = r#"
@compute @workgroup_size(256)
fn gradient_norm(@builtin(local_invocation_index) local: u32) {
    var squares = 0.0;
    var odd = 0.0;
    for (var at = local; at < arguments.count; at += 256u) {
        squares += partials[at].x;
        odd += partials[at].y;
    }
    let sum = sum_of_group(squares, local, 256u);
    let broken = sum_of_group(odd, local, 256u);
    if local == 0u {
        let overflown = (bitcast<u32>(sum) & 2139095040u) == 2139095040u;
        let skipped = overflown || broken > 0.0;
        let norm = sqrt(sum) / control.loss_scale;
        let scale = select(1.0, min(arguments.clip / (norm + 1e-6), 1.0), arguments.clip > 0.0);
        control.gradient_norm = norm;
        control.skipped = select(0u, 1u, skipped);
        control.gradient_scale = select(scale / control.loss_scale, 0.0, skipped);
        if arguments.interval > 0u {
            let good = select(control.good_steps + 1u, 0u, skipped);
            let grows = good >= arguments.interval;
            let halved = max(0.5 * control.loss_scale, 1.0);
            control.loss_scale = select(select(control.loss_scale, 2.0 * control.loss_scale, grows), halved, skipped);
            control.good_steps = select(good, 0u, grows);
        }
        reports[control.row].gradient_norm = norm;
        reports[control.row].skipped = select(0.0, 1.0, skipped);
    }
}
"#;
pub(crate) const WAE3F7C64: &str = r#"
fn count_from(row: u32, lane: u32, threshold: u32) -> f32 {
    var count = 0.0;
    for (var id = lane; id < arguments.vocabulary; id += LANES) {
        count += select(0.0, 1.0, keys[row + id] >= threshold);
    }
    return sum_of_lanes(lane, count);
}
"#;
pub(crate) const WAE987923: &str = r#"
@group(0) @binding(5)
var<storage, read_write> first: array<vec4<f32>>;
"#;
pub(crate) const WAEBBE0F0: &str = r#"
struct Arguments {
    batch: u32,
    time: u32,
    heads: u32,
    kv_heads: u32,
    head_size: u32,
    parts: u32,
    scale: f32,
    capped: u32,
    softcap: f32,
    dropout: u32,
    site: u32,
    threshold: u32,
    keep_scale: f32,
    seen: u32,
    documents: u32
}
"#;
pub(crate) const WAFFF447D: &str = r#"
@group(0) @binding(1)
var<storage, read> control: Control;
"#;
pub(crate) const WB0404B39: &str = r#"struct Arguments {
    rows: u32,
    experts: u32,
    balance: f32,
    z: f32,
    factor: f32
}
"#;
pub(crate) const WB0E49979: &str = r#"
var<workgroup> scores: array<f32, LANES>;
"#;
pub(crate) const WB12B9A93: &str = r#"
fn store(slice: u32, row: u32, column: u32, block: mat4x4<f32>) {
    store_row(slice, row, column, block[0]);
    store_row(slice, row + 1u, column, block[1]);
    store_row(slice, row + 2u, column, block[2]);
    store_row(slice, row + 3u, column, block[3]);
}
"#;
pub(crate) const WB1561CB2: &str = r#"
fn left_four(tile_row: u32, first: u32, place: vec2<u32>) -> Four {
    let step = first + place.y;
    let numbers = x[(min(tile_row + place.x, arguments.rows - 1u) * arguments.inner + min(step, arguments.inner - 4u)) / 4u];
    return select(Four(), numbers, step < arguments.inner);
}
"#;
pub(crate) const WB1E903B4: &str = r#"
@group(0) @binding(2)
var<storage, read> w: array<u32>;
"#;
pub(crate) const WB1F15E70: &str = r#"
@group(0) @binding(1)
var<storage, read> a: array<Entry>;
"#;
pub(crate) const WB20CC15A: &str = r#"struct Arguments {
    tokens: u32,
    time: u32,
    channels: u32,
    vocabulary: u32,
    limit: u32,
    first: u32,
    rows: u32,
    positioned: u32,
    moved: u32
}
"#;
pub(crate) const WB219D0C4: &str = r#"
@compute @workgroup_size(256)
fn softcap(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        let share = given[at] / arguments.cap;
        let value = dy[at] * (1.0 - share * share);
        result[at] = value;
    }
}
"#;
pub(crate) const WB2D71C39: &str = r#"struct Arguments {
    count: u32,
    turns: u32,
    factor: f32,
    addend: f32
}
"#;
pub(crate) const WB36551D1: &str = r#"
struct Arguments {
    rows: u32,
    columns: u32,
    inner: u32,
    column_tiles: u32,
    stride: u32,
    biased: u32,
    residual: u32
}
"#;
pub(crate) const WB37A9CBF: &str = r#"
@compute @workgroup_size(256)
fn route_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_number(group) * 256u + local;
    if row >= arguments.rows {
        return;
    }
    let start = row * arguments.experts;
    var largest = x[start];
    var mean = 0.0;
    for (var e = 0u; e < arguments.experts; e += 1u) {
        largest = max(largest, x[start + e]);
        mean += select(0.0, y[start + e] * dy[start + e], y[start + e] != 0.0);
    }
    var whole = 0.0;
    for (var e = 0u; e < arguments.experts; e += 1u) {
        whole += exp(x[start + e] - largest);
    }
    for (var e = 0u; e < arguments.experts; e += 1u) {
        let gate = y[start + e];
        let share = select(exp(x[start + e] - largest) / whole, gate, arguments.renormalise == 1u);
        dx[start + e] = share * (select(0.0, dy[start + e], gate != 0.0) - mean);
    }
}
"#;
pub(crate) const WB37CA6B6: &str = r#"
struct Arguments {
    rows: u32,
    columns: u32,
    inner: u32,
    column_tiles: u32,
    tiles: u32,
    slice: u32,
    accumulate: u32,
    stride: u32
}
"#;
pub(crate) const WB38EE8E9: &str = r#"
fn store_row(slice: u32, row: u32, column: u32, values: vec4<f32>) {
    if row < arguments.rows && column < arguments.columns {
        let at = ((slice * arguments.rows + row) * arguments.columns + column) / 4u;
        var sums = values;
        if arguments.accumulate == 1u {
            sums += dw[at];
        }
        dw[at] = sums;
    }
}
"#;
pub(crate) const WB3C3725C: &str = r#"
const ALONG: u32 = 40u;
"#;
pub(crate) const WB45DA36F: &str = r#"
@group(0) @binding(4)
var<storage, read_write> statistics: array<vec2<f32>>;
"#;
pub(crate) const WB47D81DF: &str = r#"
fn store(plane: u32, t: u32, channel: u32, values: vec4<f32>, largest: f32, total: f32) {
    if t >= arguments.time {
        return;
    }
    let head = plane % arguments.heads;
    let at = ((plane / arguments.heads * arguments.time + t) * arguments.heads + head) * arguments.head_size;
    {
        store_entry(at, channel, values.x);
        store_entry(at, channel + 1u, values.y);
        store_entry(at, channel + 2u, values.z);
        store_entry(at, channel + 3u, values.w);
    }
    if channel == 0u {
        lse[plane * arguments.time + t] = largest + log(total);
    }
}
"#;
pub(crate) const WB5353B0D: &str = r#"
@group(0) @binding(3)
var<storage, read> values: array<f32>;
"#;
pub(crate) const WB587F82E: &str = r#"struct Arguments {
    count: u32,
    decayed_end: u32,
    beta1: f32,
    beta2: f32,
    rest1: f32,
    rest2: f32,
    eps: f32,
    weight_decay: f32,
    keeps_zeros: u32
}
"#;
pub(crate) const WB58B33FC: &str = r#"
@group(0) @binding(4)
var<storage, read_write> parameters: array<vec4<f32>>;
"#;
pub(crate) const WB5C7D40C: &str = r#"
@group(0) @binding(4)
var<storage, read> starts: array<u32>;
"#;
pub(crate) const WB5D58C3E: &str = r#"
alias Staged = Four;
"#;
pub(crate) const WB5EE0001: &str = r#"
fn stage_steps(steps: mat4x4<f32>, step: u32, column: u32) {
    right_tile[4u * step][column] = steps[0];
    right_tile[4u * step + 1u][column] = steps[1];
    right_tile[4u * step + 2u][column] = steps[2];
    right_tile[4u * step + 3u][column] = steps[3];
}
"#;
pub(crate) const WB6206A2B: &str = r#"
@group(0) @binding(2)
var<storage, read_write> y: array<vec4<f16>>;
"#;
pub(crate) const WB64478E0: &str = r#"
@group(0) @binding(7)
var<storage, read_write> parts: array<Entry>;
"#;
pub(crate) const WB65AFF42: &str = r#"
@compute @workgroup_size(256)
fn optimizer(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at >= arguments.count || control.skipped == 1u {
        return;
    }
    let rate = schedule[control.row].learning_rate;
    let gradient = gradients[at] * control.gradient_scale;
    let decay = select(0.0, arguments.weight_decay, at < arguments.decayed_end);
    let kept = (parameters[at] == vec4<f32>()) & vec4<bool>(arguments.keeps_zeros == 1u);
    let parameter = parameters[at] - rate * decay * parameters[at];
    let squares = arguments.beta2 * second[at] + arguments.rest2 * gradient * gradient;
    {
        parameters[at] = select(parameter - rate * (gradient / (sqrt(squares) + arguments.eps)), vec4<f32>(), kept);
        second[at] = squares;
    }
}
"#;
pub(crate) const WB677404A: &str = r#"
fn multiply_staged(blocks: ptr<function, Blocks>, index: u32) {
    let row = index / 8u;
    let column = index % 8u;
    for (var k = 0u; k < STEPS; k += 1u) {
        let left = left_tile[k][row];
        let left_down = left_tile[k][row + 8u];
        let right = right_tile[k][column];
        let right_across = right_tile[k][column + 8u];
        (*blocks).here += outer(left, right);
        (*blocks).right += outer(left, right_across);
        (*blocks).down += outer(left_down, right);
        (*blocks).across += outer(left_down, right_across);
    }
}
"#;
pub(crate) const WB6B2018C: &str = r#"
@group(0) @binding(3)
var<storage, read> dy: array<f32>;
"#;
pub(crate) const WB6FDB46F: &str = r#"struct Arguments {
    count: u32,
    partials: u32,
    eps: f32
}
"#;
pub(crate) const WB765A0D0: &str = r#"
@compute @workgroup_size(256)
fn muon_update(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    let count = arguments.rows * arguments.columns;
    if at >= count || control.skipped == 1u {
        return;
    }
    let stored = select(at, (at % arguments.columns) * arguments.rows + at / arguments.columns, arguments.transposed == 1u);
    let learning_rate = schedule[control.row].learning_rate;
    let entry = arguments.first + group.z * arguments.distance + at;
    let before = parameters[entry];
    let kept = arguments.keeps_zeros == 1u && before == 0.0;
    let parameter = before - learning_rate * arguments.weight_decay * before;
    let step = x[(arguments.place + group.z) * count + stored];
    parameters[entry] = select(parameter - learning_rate * arguments.rate * step, 0.0, kept);
}
"#;
pub(crate) const WB79F7092: &str = r#"
fn clear_marks(local: u32, size: u32) {
    for (var word = local; word < CHUNK / 32u; word += size) {
        atomicStore(&marks[word], 0u);
    }
}
"#;
pub(crate) const WB809EA55: &str = r#"struct Arguments {
    count: u32,
    columns: u32,
    inner: u32,
    stride: u32,
    biased: u32,
    residual: u32
}
"#;
pub(crate) const WB87CEE8A: &str = r#"
fn repeated(window: u32, plane: u32, t: u32, delta: f32) -> Queries {
    let at = min(t, arguments.time - 1u);
    let document = select(arguments.time, document_start(window + at), t < arguments.time);
    return Queries(vec4<u32>(at), vec4<u32>(document), vec4<f32>(lse[plane * arguments.time + at]), vec4<f32>(delta));
}
"#;
pub(crate) const WB8DC39A8: &str = r#"
@compute @workgroup_size(64)
fn cross_entropy(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_number(group);
    if row >= arguments.rows {
        return;
    }
    let start = row * arguments.vocabulary;
    var largest = logits[start];
    for (var j = local; j < arguments.vocabulary; j += LANES) {
        largest = max(largest, logits[start + j]);
    }
    largest = max_of_row(largest, local);
    var exponentials = 0.0;
    var plain = 0.0;
    for (var j = local; j < arguments.vocabulary; j += LANES) {
        exponentials += exp(logits[start + j] - largest);
        plain += logits[start + j];
    }
    let lse = largest + log(sum_of_row(exponentials, local));
    let mean = sum_of_row(plain, local) / f32(arguments.vocabulary);
    if local == 0u {
        let goal = targets[control.row * arguments.all_rows + arguments.first_row + row];
        let right = logits[start + min(goal, arguments.vocabulary - 1u)];
        let loss = (1.0 - arguments.smoothing) * (lse - right) + arguments.smoothing * (lse - mean);
        let ignored = arguments.ignoring == 1u && goal == arguments.ignored;
        rows[row] = vec2<f32>(lse, select(loss, 0.0, ignored));
    }
}
"#;
pub(crate) const WB9612DB8: &str = r#"
@group(0) @binding(3)
var<storage, read> w: array<f32>;
"#;
pub(crate) const WB967F8DE: &str = r#"
fn stages_right(index: u32) -> bool {
    return !stages_left(index);
}
"#;
pub(crate) const WB9701902: &str = r#"
@group(0) @binding(4)
var<storage, read> targets: array<u32>;
"#;
pub(crate) const WBA04B137: &str = r#"
@group(0) @binding(4)
var<storage, read_write> y: array<StoredY>;
"#;
pub(crate) const WBA2EBDD1: &str = r#"
@compute @workgroup_size(256)
fn muon_momentum(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    let count = arguments.rows * arguments.columns;
    let into = (arguments.place + group.z) * count + at;
    if at >= (count + 3u) / 4u * 4u || control.skipped == 1u {
        return;
    }
    if at >= count {
        x[into] = 0.0;
        return;
    }
    let stored = (at % arguments.rows) * arguments.columns + at / arguments.rows;
    let entry = arguments.first + group.z * arguments.distance + select(at, stored, arguments.transposed == 1u);
    let gradient = arguments.rest * (gradients[entry] * control.gradient_scale);
    let mean = arguments.momentum * first[entry] + gradient;
    first[entry] = mean;
    x[into] = arguments.momentum * mean + gradient;
}
"#;
pub(crate) const WBA3E3D91: &str = r#"
@compute @workgroup_size(256)
fn score(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_number(group) * 256u + local;
    if row < arguments.rows {
        let goal = targets[control.row * arguments.rows + row];
        let ignored = arguments.ignoring == 1u && goal == arguments.ignored;
        rows[row] = vec2<f32>(logits[row] + arguments.beyond, select(-logits[row], 0.0, ignored));
    }
}
"#;
pub(crate) const WBA4AC9E4: &str = r#"
fn x_steps(row: u32, step: u32) -> vec4<f32> {
    let at = (product * arguments.rows + min(row, arguments.rows - 1u)) * arguments.inner + step;
    return vec4<f32>(x[at / 4u]);
}
"#;
pub(crate) const WBA95A359: &str = r#"struct Arguments {
    rows: u32,
    experts: u32
}
"#;
pub(crate) const WBAC96C38: &str = r#"
@group(0) @binding(2)
var<storage, read> w: array<Operand>;
"#;
pub(crate) const WBB5B7265: &str = r#"
fn across(four: u32) -> vec2<u32> {
    return vec2<u32>(four % (SIDE / 4u) * 4u, four / (SIDE / 4u));
}
"#;
pub(crate) const WBB9C809E: &str = r#"
@group(0) @binding(6)
var<storage, read_write> lse: array<f32>;
"#;
pub(crate) const WBCDB6995: &str = r#"
@group(0) @binding(4)
var<storage, read_write> x: array<f32>;
"#;
pub(crate) const WBD4E54C2: &str = r#"
fn x_guarded(step: u32, column: u32) -> vec4<f32> {
    return select(vec4<f32>(), x_columns(min(step, arguments.inner - 1u), column), step < arguments.inner);
}
"#;
pub(crate) const WBDEC3EDC: &str = r#"
fn w_columns(step: u32, column: u32) -> vec4<f32> {
    let inside = product * arguments.inner + min(step, arguments.inner - 1u);
    let columns = vec4<f32>(w_entry(inside, column), w_entry(inside, column + 1u), w_entry(inside, column + 2u), w_entry(inside, column + 3u));
    return select(vec4<f32>(), columns, step < arguments.inner);
}
"#;
pub(crate) const WBE207EAE: &str = r#"
@compute @workgroup_size(256)
fn last_row(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    let chunk = at / arguments.columns;
    if chunk < arguments.batch {
        let row = chunk * arguments.time + clamp(cursor[chunk].length, 1u, arguments.time) - 1u;
        y[at] = x[row * arguments.columns + at % arguments.columns];
    }
}
"#;
pub(crate) const WBE9D6581: &str = r#"
fn store(plane: u32, t: u32, channel: u32, values: vec4<f32>, largest: f32, total: f32) {
    if t >= arguments.time {
        return;
    }
    let head = plane % arguments.heads;
    let at = ((plane / arguments.heads * arguments.time + t) * arguments.heads + head) * arguments.head_size;
    if channel < arguments.head_size {
        y[(at + channel) / 4u] = Stored(values);
    }
    if channel == 0u {
        lse[plane * arguments.time + t] = largest + log(total);
    }
}
"#;
pub(crate) const WBEEEB9AF: &str = r#"struct Arguments {
    rows: u32,
    channels: u32,
    offset: f32,
    residual: u32,
    rows_in_group: u32,
    parts: u32
}
"#;
pub(crate) const WBF766089: &str = r#"
var<workgroup> right_tile: array<array<vec4<f32>, 16>, STEPS>;
"#;
pub(crate) const WBF9E2EDA: &str = r#"struct Arguments {
    first: u32,
    distance: u32,
    place: u32,
    rows: u32,
    columns: u32,
    transposed: u32,
    weight_decay: f32,
    rate: f32,
    keeps_zeros: u32
}
"#;
pub(crate) const WC012DB6B: &str = r#"
fn x_columns(step: u32, column: u32) -> vec4<f32> {
    return vec4<f32>(x_entry(step, column), x_entry(step, column + 1u), x_entry(step, column + 2u), x_entry(step, column + 3u));
}
"#;
pub(crate) const WC01ACE3F: &str = r#"
struct Arguments {
    rows: u32,
    columns: u32,
    inner: u32,
    column_tiles: u32,
    tiles: u32,
    slice: u32,
    stride: u32,
    accumulate: u32,
    residual: u32
}
"#;
pub(crate) const WC0E6C1E3: &str = r#"
@group(0) @binding(4)
var<storage, read> b: array<f32>;
"#;
pub(crate) const WC1016DA6: &str = r#"
struct ReportRow {
    loss: f32,
    count: f32,
    gradient_norm: f32,
    skipped: f32,
    chosen_reward: f32,
    rejected_reward: f32,
    accuracy: f32,
    log_ratio: f32,
    ties: f32,
    chosen: f32,
    rejected: f32
}
"#;
pub(crate) const WC1065B98: &str = r#"
var<workgroup> right_tile: array<Staged, SIDE * ALONG / UNIT>;
"#;
pub(crate) const WC21F081B: &str = r#"
@group(0) @binding(3)
var<storage, read_write> dx: array<Stored>;
"#;
pub(crate) const WC23F42F9: &str = r#"
@group(0) @binding(5)
var<storage, read> b: array<Entry>;
"#;
pub(crate) const WC2DFE266: &str = r#"
const STEPS: u32 = 64u;
"#;
pub(crate) const WC30D1A42: &str = r#"
@group(0) @binding(6)
var<storage, read> loss: array<f32>;
"#;
pub(crate) const WC37246E3: &str = r#"
@compute @workgroup_size(1)
fn advance() {
    control.row += arguments.by;
}
"#;
pub(crate) const WC3F4079A: &str = r#"
struct Control {
    row: u32,
    skipped: u32,
    gradient_scale: f32,
    gradient_norm: f32,
    loss_scale: f32,
    good_steps: u32
}
"#;
pub(crate) const WC3FBF1C0: &str = r#"
alias Left = vec4<f32>;
"#;
pub(crate) const WC49E095A: &str = r#"
const LANES: u32 = 64u;
"#;
pub(crate) const WC4D00E00: &str = r#"
const IDLE: u32 = 4294967295u;
"#;
pub(crate) const WC4D8DB01: &str = r#"
fn total(entry: Entry) -> f32 {
    return entry.x + entry.y + entry.z + entry.w;
}
"#;
pub(crate) const WC52EC34A: &str = r#"struct Arguments {
    rows: u32,
    queries: u32,
    query_size: u32,
    keys: u32,
    key_size: u32,
    eps: f32
}
"#;
pub(crate) const WC58931E5: &str = r#"
fn multiply_staged(block: ptr<function, mat4x4<f32>>, index: u32) {
    let first = index / 64u * DEPTH;
    for (var k = 0u; k < DEPTH; k += 1u) {
        let rows = left_tile[first + k][index / 8u % 8u];
        let columns = right_tile[first + k][index % 8u];
        *block += mat4x4<f32>(columns * rows.x, columns * rows.y, columns * rows.z, columns * rows.w);
    }
}
"#;
pub(crate) const WC5D1E7FF: &str = r#"
const SIDE: u32 = 32u;
"#;
pub(crate) const WC66C4DAD: &str = r#"
fn stage_left(at: u32, numbers: Four) {
    left_tile[at] = numbers;
}
"#;
pub(crate) const WC72F97D3: &str = r#"
@group(0) @binding(3)
var<storage, read> qkv: array<Stored>;
"#;
pub(crate) const WC77E0D7E: &str = r#"
fn left_across(row: u32, step: u32) -> LeftMatrices {
    return LeftMatrices(left_across_matrix(row, step), left_across_matrix(row + EDGE, step));
}
"#;
pub(crate) const WC797F8F8: &str = r#"
fn store_row(slice: u32, row: u32, column: u32, values: vec4<f32>) {
    if row < arguments.rows && column < arguments.columns {
        let at = (slice * arguments.rows + row) * arguments.columns + column;
        var sums = values;
        if arguments.residual == 1u {
            sums += vec4<f32>(r[at], r[at + 1u], r[at + 2u], r[at + 3u]);
        }
        if arguments.accumulate == 1u {
            sums += vec4<f32>(dx[at / 4u]);
        }
        dx[at / 4u] = Result(sums);
    }
}
"#;
pub(crate) const WC7A2F05C: &str = r#"
var<workgroup> left_tile: array<array<vec4<f32>, 16>, STEPS>;
"#;
pub(crate) const WC80026D9: &str = r#"
alias Staged = Number;
"#;
pub(crate) const WC8675A1E: &str = r#"
fn dy_channels(row: u32, head: u32, channel: u32) -> vec4<f32> {
    let at = (row * arguments.heads + head) * arguments.head_size;
    let entries = vec4<f32>(dy[(at + min(channel, arguments.head_size - 4u)) / 4u]);
    return select(vec4<f32>(), entries, channel < arguments.head_size);
}
"#;
pub(crate) const WC8F3EAAE: &str = r#"struct Arguments {
    rows: u32,
    time: u32,
    vocabulary: u32,
    alpha: f32,
    documents: u32,
    ignoring: u32,
    ignored: u32
}
"#;
pub(crate) const WC9460618: &str = r#"
alias LeftMatrices = array<LeftMatrix, PART_ROWS>;
"#;
pub(crate) const WC95F12AF: &str = r#"struct Arguments {
    count: u32,
    site: u32,
    size: f32
}
"#;
pub(crate) const WC965F229: &str = r#"
var<workgroup> left_tile: array<array<vec4<f32>, 8>, STEPS>;
"#;
pub(crate) const WC9F479D3: &str = r#"
@compute @workgroup_size(64)
fn top_k(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_number(group);
    if row >= arguments.rows {
        return;
    }
    let start = row * arguments.columns;
    var threshold = 0u;
    for (var bit = 0u; bit < 31u; bit += 1u) {
        let candidate = threshold | (1u << (30u - bit));
        var reached = 0.0;
        for (var j = local; j < arguments.columns; j += LANES) {
            reached += select(0.0, 1.0, key(x[start + j]) >= candidate);
        }
        if sum_of_row(reached, local) >= f32(arguments.k) {
            threshold = candidate;
        }
    }
    for (var j = local; j < arguments.columns; j += LANES) {
        let entry = x[start + j];
        y[start + j] = select(0.0, entry, key(entry) >= max(threshold, 1u));
    }
}
"#;
pub(crate) const WC9FA7359: &str = r#"struct Arguments {
    count: u32,
    hidden: u32,
    kind: u32
}
"#;
pub(crate) const WCA1F0931: &str = r#"
@group(0) @binding(1)
var<storage, read> x: array<Operand>;
"#;
pub(crate) const WCACAAEDF: &str = r#"@compute @workgroup_size(INVOCATIONS)
fn linear_weight_backward_tiled(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let slice = group_number(group) / arguments.tiles;
    let steps = slice_steps(slice);
    if steps.x >= arguments.inner {
        return;
    }
    let tile = tile_corner(group_number(group) % arguments.tiles, arguments.column_tiles, SIDE);
    let corner = block_corner(index % 64u, 8u);
    let staged = staged_place(index);
    var blocks = Blocks();
    for (var first = steps.x; first < steps.y; first += STEPS) {
        let step = first + staged.y;
        var staged_left = mat4x4<f32>();
        var staged_right = mat4x4<f32>();
        if step < steps.y && stages_left(index) {
            staged_left = left(tile.x + staged.x, step);
        }
        if step < steps.y && stages_right(index) {
            staged_right = right(tile.y + staged.x, step);
        }
        stage(index, staged_left, staged_right);
        workgroupBarrier();
        multiply_staged(&blocks, index);
        workgroupBarrier();
    }
    let row = tile.x + corner.x;
    let column = tile.y + corner.y;
    {
        store(slice, row, column, blocks.here);
        store(slice, row, column + 32u, blocks.right);
        store(slice, row + 32u, column, blocks.down);
        store(slice, row + 32u, column + 32u, blocks.across);
    }
}
"#;
pub(crate) const WCB2E52F5: &str = r#"
alias Right = vec4<f32>;
"#;
pub(crate) const WCB2F5AEF: &str = r#"
fn dy_channels(row: u32, head: u32, channel: u32) -> vec4<f32> {
    let at = (row * arguments.heads + head) * arguments.head_size;
    return vec4<f32>(dy_entry(at, channel), dy_entry(at, channel + 1u), dy_entry(at, channel + 2u), dy_entry(at, channel + 3u));
}
"#;
pub(crate) const WCB3E7242: &str = r#"
@compute @workgroup_size(256)
fn optimizer(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at >= arguments.count || control.skipped == 1u {
        return;
    }
    let rate = schedule[control.row].learning_rate;
    let gradient = gradients[at] * control.gradient_scale;
    let decay = select(0.0, arguments.weight_decay, at < arguments.decayed_end);
    let kept = (parameters[at] == vec4<f32>()) & vec4<bool>(arguments.keeps_zeros == 1u);
    let parameter = parameters[at] - rate * decay * parameters[at];
    let squares = arguments.beta2 * second[at] + arguments.rest2 * gradient * gradient;
    {
        let mean = arguments.beta1 * first[at] + arguments.rest1 * gradient;
        let corrected = sqrt(squares / schedule[control.row].second_correction);
        let step = (mean / schedule[control.row].first_correction) / (corrected + arguments.eps);
        parameters[at] = select(parameter - rate * step, vec4<f32>(), kept);
        first[at] = mean;
        second[at] = squares;
    }
}
"#;
pub(crate) const WCC26A379: &str = r#"
fn left(row: u32, step: u32) -> mat4x4<f32> {
    return mat4x4<f32>(dy_steps(row, step), dy_steps(row + 1u, step), dy_steps(row + 2u, step), dy_steps(row + 3u, step));
}
"#;
pub(crate) const WCDB68EB2: &str = r#"
const MIN_SCORE: f32 = -3e38;
"#;
pub(crate) const WCDDF94C5: &str = r#"
@group(0) @binding(2)
var<storage, read> w: array<Four>;
"#;
pub(crate) const WCE47F11F: &str = r#"
fn dy_columns(step: u32, row: u32) -> vec4<f32> {
    return vec4<f32>(dy_entry(step, row), dy_entry(step, row + 1u), dy_entry(step, row + 2u), dy_entry(step, row + 3u));
}
"#;
pub(crate) const WCE67CEE5: &str = r#"
fn document_starts(window: u32, at: vec4<u32>) -> vec4<u32> {
    return vec4<u32>(document_start(window + at.x), document_start(window + at.y), document_start(window + at.z), document_start(window + at.w));
}
"#;
pub(crate) const WCEFC8A43: &str = r#"
const KEPT_COLUMNS: u32 = SIDE / 2u;
"#;
pub(crate) const WCF63F508: &str = r#"
fn right_four(tile_column: u32, first: u32, place: vec2<u32>, end: u32) -> Four {
    let step = first + place.y;
    let numbers = x[(min(step, end - 1u) * arguments.columns + min(tile_column + place.x, arguments.columns - 4u)) / 4u];
    return select(Four(), numbers, step < end);
}
"#;
pub(crate) const WD006B592: &str = r#"
@compute @workgroup_size(LANES)
fn cached_attention(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let number = group_number(group);
    let row = number / arguments.heads;
    if row >= arguments.rows {
        return;
    }
    let chunk = cursor[row / arguments.time];
    let t = row % arguments.time;
    if t >= chunk.length {
        return;
    }
    let head = number % arguments.heads;
    let head_size = arguments.head_size;
    let key_head = head / (arguments.heads / arguments.kv_heads);
    let cache = (chunk.text * arguments.kv_heads + key_head) * arguments.positions * head_size;
    let until = min(chunk.start + t + 1u, arguments.positions);
    let oldest = until - min(until, arguments.seen);
    let begin = oldest;
    let end = until;
    let query_at = (row * (arguments.heads + 2u * arguments.kv_heads) + head) * head_size;
    for (var d = local; d < head_size; d += LANES) {
        query[d] = qkv[query_at + d] * arguments.scale;
    }
    workgroupBarrier();
    var largest = MIN_SCORE;
    var total = 0.0;
    var attended = vec4<f32>();
    for (var start = begin; start < end; start += LANES) {
        let count = min(LANES, end - start);
        var score = MIN_SCORE;
        if local < count {
            let key = cache + (start + local) * head_size;
            score = 0.0;
            for (var d = 0u; d < head_size; d++) {
                score += query[d] * keys[key + d];
            }
            for (var turn = 0u; turn < arguments.capped; turn++) {
                score = softcapped(score, arguments.softcap);
            }
        }
        scores[local] = score;
        workgroupBarrier();
        var next = largest;
        for (var slot = 0u; slot < count; slot++) {
            next = max(next, scores[slot]);
        }
        shares[local] = exp(score - next);
        workgroupBarrier();
        let shrink = exp(largest - next);
        largest = next;
        total *= shrink;
        attended *= shrink;
        for (var slot = 0u; slot < count; slot++) {
            let share = shares[slot];
            let value = cache + (start + slot) * head_size;
            total += share;
            for (var channel = 0u; channel < 4u; channel++) {
                let d = channel * LANES + local;
                if d < head_size {
                    attended[channel] += share * values[value + d];
                }
            }
        }
    }
    for (var channel = 0u; channel < 4u; channel++) {
        let d = channel * LANES + local;
        if d < head_size {
            y[number * head_size + d] = attended[channel] / total;
        }
    }
}
"#;
pub(crate) const WD0112C68: &str = r#"
const GROUPS_IN_ROW: u32 = 32768u;
"#;
pub(crate) const WD136DFAE: &str = r#"
fn x_entry(step: u32, column: u32) -> f32 {
    return x[step * arguments.columns + min(column, arguments.columns - 1u)];
}
"#;
pub(crate) const WD1BD6200: &str = r#"
@compute @workgroup_size(256)
fn embedding(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    let row = at / arguments.channels;
    let channel = at % arguments.channels;
    if row < arguments.tokens {
        let token = min(tokens[control.row * arguments.tokens + row], arguments.vocabulary - 1u);
        let bound = token - arguments.first;
        if bound >= arguments.rows {
            return;
        }
        let moved = arguments.moved == 1u;
        let positioned = arguments.positioned == 1u;
        let start = select(0u, cursor[select(0u, row / arguments.time, moved)].start, moved);
        let place = min(row % arguments.time + start, arguments.limit - 1u) * arguments.channels + channel;
        let entry = embedded(bound, channel);
        y[at] = select(entry, entry + positions[select(0u, place, positioned)], positioned);
    }
}
"#;
pub(crate) const WD1D867AB: &str = r#"
const PART_COLUMNS: u32 = SIDE / EDGE;
"#;
pub(crate) const WD24DFD8D: &str = r#"
fn embedded(bound: u32, channel: u32) -> Entry {
    return quad(bound, arguments.channels, channel);
}
"#;
pub(crate) const WD282B7C0: &str = r#"
@compute @workgroup_size(256)
fn sum_rows(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    sums(group, local);
}
"#;
pub(crate) const WD39BF90D: &str = r#"struct Arguments {
    rows: u32,
    ignoring: u32,
    ignored: u32,
    beyond: f32
}
"#;
pub(crate) const WD3F47E50: &str = r#"struct Arguments {
    rows: u32,
    columns: u32,
    ignoring: u32,
    ignored: u32,
    scale: f32
}
"#;
pub(crate) const WD4CB626C: &str = r#"struct Arguments {
    rows: u32,
    time: u32,
    turning_heads: u32,
    all_heads: u32,
    half_size: u32,
    positions: u32,
    turn: f32
}
"#;
pub(crate) const WD5A35BA8: &str = r#"
fn stage(tile: vec2<u32>, first: u32, four: u32) {
    let left = along(four);
    let right = along(four);
    stage_left(along_at(left), left_four(tile.x, first, left));
    stage_right(along_at(right), right_four(tile.y, first, right));
}
"#;
pub(crate) const WD5F6ED65: &str = r#"
struct Arguments {
    rows: u32,
    columns: u32,
    accumulate: u32,
    first: u32
}
"#;
pub(crate) const WD5FDCB66: &str = r#"
alias RightMatrix = coop_mat8x8<Number, B>;
"#;
pub(crate) const WD68923EA: &str = r#"
fn sum_of_lanes(lane: u32, value: f32) -> f32 {
    lane_sums[lane] = value;
    workgroupBarrier();
    if lane < BLOCK {
        var sum = 0.0;
        for (var at = 0u; at < LANES / BLOCK; at++) {
            sum += lane_sums[lane * (LANES / BLOCK) + at];
        }
        block_sums[lane] = sum;
    }
    workgroupBarrier();
    var total = 0.0;
    for (var at = 0u; at < BLOCK; at++) {
        total += block_sums[at];
    }
    return total;
}
"#;
pub(crate) const WD6DD7F5B: &str = r#"
fn left_along_matrix(row: u32, step: u32) -> LeftMatrix {
    return coopLoadT<LeftMatrix>(&left_tile[along_at(vec2<u32>(row, step))], ALONG / UNIT);
}
"#;
pub(crate) const WD789EB2C: &str = r#"
@compute @workgroup_size(256)
fn gate_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        let first = at / arguments.hidden * 2u * arguments.hidden + at % arguments.hidden;
        let before = Entry(x[first]);
        let flow = Entry(dy[at]);
        dx[first] = Stored(flow * Entry(x[first + arguments.hidden]) * slope_by(arguments.kind, before));
        dx[first + arguments.hidden] = Stored(flow * activated_by(arguments.kind, before));
    }
}
"#;
pub(crate) const WD7986C7C: &str = r#"
@group(0) @binding(4)
var<storage, read_write> dh: array<f32>;
"#;
pub(crate) const WD815FFC7: &str = r#"
@group(0) @binding(5)
var<storage, read_write> loss: array<f32>;
"#;
pub(crate) const WD863BF4C: &str = r#"
@group(0) @binding(2)
var<storage, read_write> partials: array<vec2<f32>>;
"#;
pub(crate) const WD8B06FEF: &str = r#"
fn answer(row: u32, local: u32) -> vec2<f32> {
    var sum = 0.0;
    var counted = 0.0;
    for (var t = local; t < arguments.time; t += 256u) {
        let at = row * arguments.time + t;
        let one = counts(at);
        sum += select(0.0, rows[at].y, one);
        counted += select(0.0, 1.0, one);
    }
    let total = sum_of_group(sum, local, 256u);
    return vec2(total, sum_of_group(counted, local, 256u));
}
"#;
pub(crate) const WD96CA896: &str = r#"
fn kept_four(own: Own, at: u32) -> vec4<f32> {
    let first = own.number * EDGE * KEPT_COLUMNS + at;
    return vec4<f32>(kept[first], kept[first + 1u], kept[first + 2u], kept[first + 3u]);
}
"#;
pub(crate) const WDA83CEFF: &str = r#"
@compute @workgroup_size(64)
fn norm_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let number = group_number(group);
    let first = number * arguments.rows_in_group;
    if first >= arguments.rows {
        return;
    }
    let end = min(first + arguments.rows_in_group, arguments.rows);
    let count = f32(arguments.channels * WIDTH);
    for (var row = first; row < end; row += 1u) {
        let centre = statistics[row];
        var along = Entry(0.0);
        for (var c = local; c < arguments.channels; c += LANES) {
            let at = row * arguments.channels + c;
            let g = Entry(dy[at]) * (w[c] + arguments.offset);
            along += g * (x[at] - centre.x) * centre.y;
        }
        var mean = vec2<f32>(0.0, sum_of_row(total(along), local) / count);
        if local == 0u {
            means[row - first] = mean;
        }
    }
    workgroupBarrier();
    for (var c = local; c < arguments.channels; c += LANES) {
        var weight = Entry(0.0);
        var bias = Entry(0.0);
        for (var row = first; row < end; row += 1u) {
            let at = row * arguments.channels + c;
            let centre = statistics[row];
            let mean = means[row - first];
            let normal = (x[at] - centre.x) * centre.y;
            let flow = Entry(dy[at]);
            let gradient = centre.y * (flow * (w[c] + arguments.offset) - mean.x - normal * mean.y);
            let residual = arguments.residual == 1u;
            dx[at] = select(gradient, gradient + r[select(0u, at, residual)], residual);
            weight += flow * normal;
            bias += flow;
        }
        let place = number * arguments.parts * arguments.channels + c;
        if arguments.parts > 0u {
            parts[place] = weight;
        }
        if arguments.parts > 1u {
            parts[place + arguments.channels] = bias;
        }
    }
}
"#;
pub(crate) const WDAE1E500: &str = r#"
const ROOT_2_OVER_PI: f32 = 0.7978845608;
"#;
pub(crate) const WDAEC423D: &str = r#"
@group(0) @binding(1)
var<storage, read> x: array<Entry>;
"#;
pub(crate) const WDB1C1335: &str = r#"
fn w_entry(step: u32, column: u32) -> f32 {
    return w[step * arguments.columns + min(column, arguments.columns - 1u)];
}
"#;
pub(crate) const WDB47C0DC: &str = r#"
@compute @workgroup_size(64)
fn head_norm(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let number = group_number(group) * 64u + local;
    let normed_groups = arguments.queries + arguments.keys;
    let all_groups = normed_groups + arguments.keys;
    let row = number / all_groups;
    let group_in_row = number % all_groups;
    if row >= arguments.rows {
        return;
    }
    let is_query = group_in_row < arguments.queries;
    let size = select(arguments.key_size, arguments.query_size, is_query);
    let start = first_entry(row, group_in_row, arguments.queries, arguments.query_size, arguments.keys, arguments.key_size);
    if group_in_row >= normed_groups {
        for (var d = 0u; d < size; d++) {
            y[start + d] = x[start + d];
        }
        return;
    }
    var squares = 0.0;
    for (var d = 0u; d < size; d++) {
        let entry = f32(x[start + d]);
        squares += entry * entry;
    }
    let root = 1.0 / sqrt(squares / f32(size) + arguments.eps);
    roots[row * normed_groups + group_in_row] = root;
    for (var d = 0u; d < size; d++) {
        let scale = select(key_scale[d], query_scale[d], is_query);
        y[start + d] = Stored(f32(x[start + d]) * root * scale);
    }
}
"#;
pub(crate) const WDB5B2CA4: &str = r#"struct Arguments {
    count: u32,
    channels: u32,
    chunks: u32,
    first: u32,
    rows: u32
}
"#;
pub(crate) const WDC307C1E: &str = r#"
fn x_columns(step: u32, column: u32) -> vec4<f32> {
    return vec4<f32>(x[(step * arguments.columns + min(column, arguments.columns - 4u)) / 4u]);
}
"#;
pub(crate) const WDC696AAE: &str = r#"struct Arguments {
    rows: u32,
    queries: u32,
    query_size: u32,
    keys: u32,
    key_size: u32
}
"#;
pub(crate) const WDCFF8472: &str = r#"
@group(0) @binding(6)
var<storage, read> sums: array<vec2<f32>>;
"#;
pub(crate) const WDDD0DC9C: &str = r#"const MIN_SCORE: f32 = -3e38;
"#;
pub(crate) const WDF30C2A5: &str = r#"
@group(0) @binding(1)
var<storage, read> x: array<vec4<f32>>;
"#;
pub(crate) const WDF66BFDA: &str = r#"
@group(0) @binding(2)
var<storage, read> w: array<Stored>;
"#;
pub(crate) const WDF86D462: &str = r#"const LANES: u32 = 256u;
"#;
pub(crate) const WE0A3BF93: &str = r#"
@compute @workgroup_size(64)
fn peak_flops(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 64u + local;
    let factor = vec4<f32>(arguments.factor);
    let addend = vec4<f32>(arguments.addend);
    var first = f32(at) + vec4<f32>(0.0, 0.1, 0.2, 0.3);
    var second = first + 0.4;
    var third = first + 0.8;
    for (var turn = 0u; turn < arguments.turns; turn += 1u) {
        first = turned(first, factor, addend);
        second = turned(second, factor, addend);
        third = turned(third, factor, addend);
    }
    let sum = first + second + third;
    if at < arguments.count {
        y[at] = sum.x + sum.y + sum.z + sum.w;
    }
}
"#;
pub(crate) const WE0FC6C0F: &str = r#"
@group(0) @binding(2)
var<storage, read> logits: array<f32>;
"#;
pub(crate) const WE18AFA50: &str = r#"
@group(0) @binding(3)
var<storage, read> cursor: array<Cursor>;
"#;
pub(crate) const WE1903CE4: &str = r#"
fn qkv_channels(row: u32, head: u32, channel: u32) -> vec4<f32> {
    let at = (row * (arguments.heads + 2u * arguments.kv_heads) + head) * arguments.head_size;
    return vec4<f32>(qkv_entry(at, channel), qkv_entry(at, channel + 1u), qkv_entry(at, channel + 2u), qkv_entry(at, channel + 3u));
}
"#;
pub(crate) const WE19D1E76: &str = r#"
const RELU: u32 = 2u;
"#;
pub(crate) const WE1BC86A1: &str = r#"
fn staged_place(index: u32) -> vec2<u32> {
    return vec2<u32>(index % 16u * 4u, index / 16u * 4u);
}
"#;
pub(crate) const WE1CC669F: &str = r#"
@compute @workgroup_size(256)
fn cross_entropy_mean(@builtin(local_invocation_index) local: u32) {
    var sum = 0.0;
    var counted = 0.0;
    for (var row = local; row < arguments.rows; row += 256u) {
        let goal = targets[control.row * arguments.rows + row];
        let ignored = arguments.ignoring == 1u && goal == arguments.ignored;
        sum += rows[row].y;
        counted += select(1.0, 0.0, ignored);
    }
    let total = sum_of_group(sum, local, 256u);
    let own = sum_of_group(counted, local, 256u);
    if local == 0u {
        let given = schedule[control.row].counted;
        let count = select(own, given, given > 0.0);
        let mean = total / select(count, 1.0, count == 0.0);
        loss[0] = mean;
        loss[1] = count;
        reports[control.row].loss = mean;
        reports[control.row].count = count;
    }
}
"#;
pub(crate) const WE2646BFD: &str = r#"
var<workgroup> left_tile: array<Staged, SIDE * ALONG / UNIT>;
"#;
pub(crate) const WE32FAE4C: &str = r#"
@group(0) @binding(0)
var<uniform> arguments: Arguments;
"#;
pub(crate) const WE3D66864: &str = r#"
fn dy_steps(row: u32, step: u32) -> vec4<f32> {
    let at = (product * arguments.rows + min(row, arguments.rows - 1u)) * arguments.stride + step;
    return vec4<f32>(dy[at / 4u]);
}
"#;
pub(crate) const WE415E9C9: &str = r#"
@group(0) @binding(1)
var<storage, read_write> y: array<f32>;
"#;
pub(crate) const WE4A65A78: &str = r#"
fn entry(at: u32) -> vec4<f32> {
    {
        let low = w[2u * at];
        let high = w[2u * at + 1u];
        return vec4<f32>(widened(low & 65535u), widened(low >> 16u), widened(high & 65535u), widened(high >> 16u));
    }
}
"#;
pub(crate) const WE4ADE3B9: &str = r#"@group(0) @binding(5)
var<storage, read> lse: array<f32>;
"#;
pub(crate) const WE4D6983E: &str = r#"
fn stage_right(block: mat4x4<f32>, column: u32, step: u32) {
    stage_steps(transpose(block), step, column);
}
"#;
pub(crate) const WE518FE79: &str = r#"struct Arguments {
    rows: u32,
    vocabulary: u32,
    smoothing: f32,
    ignoring: u32,
    ignored: u32,
    first_row: u32,
    all_rows: u32
}
"#;
pub(crate) const WE5690A9F: &str = r#"
fn stage(index: u32, left: mat4x4<f32>, right: mat4x4<f32>) {
    let place = index % 8u;
    let step = staged_place(index).y;
    if stages_left(index) {
        let steps = transpose(left);
        left_tile[step][place] = steps[0];
        left_tile[step + 1u][place] = steps[1];
        left_tile[step + 2u][place] = steps[2];
        left_tile[step + 3u][place] = steps[3];
    }
    else {
        right_tile[step][place] = right[0];
        right_tile[step + 1u][place] = right[1];
        right_tile[step + 2u][place] = right[2];
        right_tile[step + 3u][place] = right[3];
    }
}
"#;
pub(crate) const WE569B06E: &str = r#"
@group(0) @binding(3)
var<storage, read> shares: array<f32>;
"#;
pub(crate) const WE586CEC4: &str = r#"
fn right_along_matrix(column: u32, step: u32) -> RightMatrix {
    return coopLoad<RightMatrix>(&right_tile[along_at(vec2<u32>(column, step))], ALONG / UNIT);
}
"#;
pub(crate) const WE5EF4636: &str = r#"
fn left_along(row: u32, step: u32) -> LeftMatrices {
    return LeftMatrices(left_along_matrix(row, step), left_along_matrix(row + EDGE, step), left_along_matrix(row + 2u * EDGE, step), left_along_matrix(row + 3u * EDGE, step));
}
"#;
pub(crate) const WE6362F29: &str = r#"
@group(0) @binding(4)
var<storage, read> scores: array<vec4<f32>>;
"#;
pub(crate) const WE66B1E6A: &str = r#"
fn qkv_entry(at: u32, channel: u32) -> f32 {
    return select(0.0, f32(qkv[at + min(channel, arguments.head_size - 1u)]), channel < arguments.head_size);
}
"#;
pub(crate) const WE66C29C0: &str = r#"
@group(0) @binding(6)
var<storage, read> y: array<Stored>;
"#;
pub(crate) const WE68E5F94: &str = r#"
@compute @workgroup_size(256)
fn weigh_experts(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        let gate = gates[at / arguments.hidden];
        y[at] = select(gate * h[at], 0.0, gate == 0.0);
    }
}
"#;
pub(crate) const WE8316297: &str = r#"struct Arguments {
    count: u32,
    factor: f32,
    period: u32,
    biased: u32
}
"#;
pub(crate) const WE8D5118F: &str = r#"
fn left_four(tile_row: u32, first: u32, place: vec2<u32>, end: u32) -> Four {
    let step = first + place.y;
    let numbers = dy[(min(step, end - 1u) * arguments.stride + min(tile_row + place.x, arguments.rows - 4u)) / 4u];
    return select(Four(), numbers, step < end);
}
"#;
pub(crate) const WE8DD7BCA: &str = r#"
@group(0) @binding(2)
var<storage, read> control: Control;
"#;
pub(crate) const WE95CE5C1: &str = r#"
struct Blocks {
    here: mat4x4<f32>,
    right: mat4x4<f32>,
    down: mat4x4<f32>,
    across: mat4x4<f32>
}
"#;
pub(crate) const WE99BC3D0: &str = r#"
fn store(window: u32, position: u32, head: u32, channel: u32, values: vec4<f32>) {
    if position >= arguments.time {
        return;
    }
    let at = ((window + position) * (arguments.heads + 2u * arguments.kv_heads) + head) * arguments.head_size;
    if channel < arguments.head_size {
        dqkv[(at + channel) / 4u] = Stored(values);
    }
}
"#;
pub(crate) const WE9C81B67: &str = r#"
fn softplus(x: f32) -> f32 {
    return max(x, 0.0) + log(1.0 + exp(-abs(x)));
}
"#;
pub(crate) const WE9F1BB53: &str = r#"struct Arguments {
    batch: u32,
    time: u32,
    columns: u32
}
"#;
pub(crate) const WE9F88BD9: &str = r#"
@compute @workgroup_size(64)
fn unlikelihood_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_number(group);
    if row >= arguments.rows {
        return;
    }
    let start = row * arguments.vocabulary;
    let ring = control.row * arguments.rows;
    let goal = targets[ring + row];
    let ignored = arguments.ignoring == 1u && goal == arguments.ignored;
    let position = row % arguments.time;
    let first = select(0u, starts[ring + row], arguments.documents == 1u);
    let factor = arguments.scale * control.loss_scale / select(loss[1], 1.0, loss[1] == 0.0);
    let lse = sums[row].x;
    let kept = 1.0 - arguments.alpha * sums[row].y;
    for (var from_token = 0u; from_token < arguments.vocabulary; from_token += CHUNK) {
        clear_marks(local, 64u);
        workgroupBarrier();
        for (var t = first + local; t <= position; t += 64u) {
            let token = tokens[ring + row - position + t];
            if token >= from_token && token != goal {
                mark(token - from_token);
            }
        }
        workgroupBarrier();
        let count = min(CHUNK, arguments.vocabulary - from_token);
        for (var j = local; j < count; j += 64u) {
            let at = start + from_token + j;
            let p = exp(logits[at] - lse);
            let rest = 1.0 - p;
            var slope = p * kept - select(0.0, 1.0, from_token + j == goal);
            if is_marked(j) && rest >= 1e-5 {
                slope += arguments.alpha * p / rest;
            }
            dx[at] = select(factor * slope, 0.0, ignored);
        }
        workgroupBarrier();
    }
}
"#;
pub(crate) const WEA0773DF: &str = r#"struct Arguments {
    rows: u32,
    vocabulary: u32,
    temperature: f32,
    mix: f32,
    ignoring: u32,
    ignored: u32,
    scale: f32
}
"#;
pub(crate) const WEA560DE3: &str = r#"
var<workgroup> kept: array<f32, PARTS * EDGE * KEPT_COLUMNS>;
"#;
pub(crate) const WEA7425C4: &str = r#"
fn stage(index: u32, left: mat4x4<f32>, right: mat4x4<f32>) {
    let steps = transpose(left);
    let place = index % 16u;
    let step = index / 16u * 4u;
    left_tile[step][place] = steps[0];
    left_tile[step + 1u][place] = steps[1];
    left_tile[step + 2u][place] = steps[2];
    left_tile[step + 3u][place] = steps[3];
    right_tile[step][place] = right[0];
    right_tile[step + 1u][place] = right[1];
    right_tile[step + 2u][place] = right[2];
    right_tile[step + 3u][place] = right[3];
}
"#;
pub(crate) const WEB7BB3D1: &str = r#"
@compute @workgroup_size(256)
fn gradient_squares(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    var squares = vec4<f32>();
    var odd = vec4<u32>();
    for (var at = group.x * 256u + local; at < arguments.count; at += arguments.groups * 256u) {
        let gradient = gradients[group.z * arguments.count + at];
        let exponent = bitcast<vec4<u32>>(gradient) & vec4<u32>(2139095040u);
        odd += select(vec4<u32>(0u), vec4<u32>(1u), exponent == vec4<u32>(2139095040u));
        squares += gradient * gradient;
    }
    let sum = sum_of_group(squares.x + squares.y + squares.z + squares.w, local, 256u);
    let broken = sum_of_group(f32(odd.x + odd.y + odd.z + odd.w), local, 256u);
    if local == 0u {
        partials[arguments.first + group.z * arguments.groups + group.x] = vec2<f32>(sum, broken);
    }
}
"#;
pub(crate) const WEBDEC70D: &str = r#"
@group(0) @binding(3)
var<storage, read_write> y: array<Result>;
"#;
pub(crate) const WEC1F463E: &str = r#"struct Arguments {
    rows: u32,
    time: u32,
    vocabulary: u32,
    alpha: f32,
    documents: u32,
    ignoring: u32,
    ignored: u32,
    scale: f32
}
"#;
pub(crate) const WEC36ACE0: &str = r#"
const DEPTH: u32 = 16u;
"#;
pub(crate) const WECB7EDD3: &str = r#"
fn dy_steps(row: u32, step: u32) -> vec4<f32> {
    let at = (product * arguments.rows + min(row, arguments.rows - 1u)) * arguments.stride + step;
    return vec4<f32>(dy_entry(at, step, 0u), dy_entry(at, step, 1u), dy_entry(at, step, 2u), dy_entry(at, step, 3u));
}
"#;
pub(crate) const WED0C6028: &str = r#"
fn weight_of(key: u32, best: u32, temperature: f32) -> f32 {
    let distance = max(logit_of(key) - logit_of(best), -100.0 * temperature);
    return exp(distance / temperature);
}
"#;
pub(crate) const WED429B49: &str = r#"
@compute @workgroup_size(64)
fn cached_attention_join(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 64u + local;
    let number = at / arguments.head_size;
    let query = number / arguments.heads;
    if query >= arguments.rows || query % arguments.time >= cursor[query / arguments.time].length {
        return;
    }
    let row = arguments.head_size + 2u;
    let first = number * arguments.parts * row;
    var largest = partials[first + arguments.head_size];
    for (var part = 1u; part < arguments.parts; part++) {
        largest = max(largest, partials[first + part * row + arguments.head_size]);
    }
    var attended = 0.0;
    var total = 0.0;
    for (var part = 0u; part < arguments.parts; part++) {
        let own = first + part * row;
        let weight = exp(partials[own + arguments.head_size] - largest);
        attended += weight * partials[own + at % arguments.head_size];
        total += weight * partials[own + arguments.head_size + 1u];
    }
    y[at] = attended / total;
}
"#;
pub(crate) const WED46853C: &str = r#"
struct Own {
    number: u32,
    count: u32,
    lane: u32,
    turns: u32
}
"#;
pub(crate) const WED8F2440: &str = r#"
alias Operand = f32;
"#;
pub(crate) const WEDDB8DF4: &str = r#"
fn row_of_sum(block: mat4x4<f32>, index: u32) -> vec4<f32> {
    let place = index % 8u;
    let part = index / 64u;
    let own = index / 8u;
    left_tile[own][place] = block[0];
    left_tile[own + 32u][place] = block[1];
    right_tile[own][place] = block[2];
    right_tile[own + 32u][place] = block[3];
    workgroupBarrier();
    var sum = vec4<f32>();
    for (var other = 0u; other < 4u; other += 1u) {
        let at = part % 2u * 32u + other * 8u + own % 8u;
        sum += select(right_tile[at][place], left_tile[at][place], part < 2u);
    }
    return sum;
}
"#;
pub(crate) const WEDE0F26C: &str = r#"
fn embedded(bound: u32, channel: u32) -> Entry {
    return Entry(table[bound * arguments.channels + channel]);
}
"#;
pub(crate) const WEE2C1AAA: &str = r#"
@compute @workgroup_size(256)
fn muon_normalise(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    var squares = 0.0;
    for (var at = local; at < arguments.partials; at += 256u) {
        squares += partials[group.z * arguments.partials + at].x;
    }
    let norm = max(sqrt(sum_of_group(squares, local, 256u)), arguments.eps);
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        x[group.z * arguments.count + at] /= norm;
    }
}
"#;
pub(crate) const WEEB6763F: &str = r#"
fn sums(group: vec3<u32>, local: u32) {
    let column = column_of(group, local);
    let inside = column < arguments.columns;
    var sum = Entry(0.0);
    for (var block = first_row(local); inside && block < arguments.rows; block += BLOCK * STEP) {
        var block_sum = Entry(0.0);
        let end = min(block + BLOCK * STEP, arguments.rows);
        for (var row = block; row < end; row += STEP) {
            block_sum += Entry(dy[row * arguments.columns + column]);
        }
        sum += block_sum;
    }
    sum = sum_of_column(sum, local);
    if inside && first_row(local) == 0u {
        {
            if column >= arguments.first {
                second[column - arguments.first] += sum;
                return;
            }
        }
        if arguments.accumulate == 1u {
            sum += Entry(dx[column]);
        }
        dx[column] = Result(sum);
    }
}
"#;
pub(crate) const WEEB6BA7C: &str = r#"
fn silu_slope(x: Entry) -> Entry {
    let s = sigmoid(x);
    return s * (1.0 + x * (1.0 - s));
}
"#;
pub(crate) const WEED2987C: &str = r#"
@group(0) @binding(6)
var<storage, read_write> reports: array<ReportRow>;
"#;
pub(crate) const WEF04B02A: &str = r#"
alias Sums = array<Sum, PART_ROWS * PART_COLUMNS>;
"#;
pub(crate) const WEF40394A: &str = r#"
fn total(entry: Entry) -> f32 {
    return entry;
}
"#;
pub(crate) const WEF7DE9F2: &str = r#"
@group(0) @binding(2)
var<storage, read_write> y: array<Stored>;
"#;
pub(crate) const WF09CD31D: &str = r#"struct Arguments {
    rows: u32,
    experts: u32,
    per_token: u32,
    renormalise: u32
}
"#;
pub(crate) const WF197854B: &str = r#"
@group(0) @binding(2)
var<storage, read> table: array<f32>;
"#;
pub(crate) const WF20817EE: &str = r#"
@compute @workgroup_size(256)
fn rope(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let pair = group_number(group) * 256u + local;
    let half_size = arguments.half_size;
    let pairs_in_row = arguments.all_heads * half_size;
    let row = pair / pairs_in_row;
    if row >= arguments.rows {
        return;
    }
    let head = (pair % pairs_in_row) / half_size;
    let i = pair % half_size;
    let at = (row * arguments.all_heads + head) * 2u * half_size + i;
    let first = f32(x[at]);
    let second = f32(x[at + half_size]);
    if head >= arguments.turning_heads {
        y[at] = Stored(first);
        y[at + half_size] = Stored(second);
        return;
    }
    var position = row % arguments.time;
    {
        position = min(position + cursor[row / arguments.time].start, arguments.positions - 1u);
    }
    let angle = position * 2u * half_size + i;
    let cosine = table[angle];
    let sine = table[angle + half_size] * arguments.turn;
    y[at] = Stored(first * cosine - second * sine);
    y[at + half_size] = Stored(second * cosine + first * sine);
}
"#;
pub(crate) const WF2349D97: &str = r#"
@group(0) @binding(2)
var<storage, read> load: array<f32>;
"#;
pub(crate) const WF277C6E0: &str = r#"
@group(0) @binding(4)
var<storage, read_write> rows: array<vec2<f32>>;
"#;
pub(crate) const WF27B06EC: &str = r#"
fn dy_entry(start: u32, step: u32, k: u32) -> f32 {
    return select(0.0, dy[start + k], step + k < arguments.inner);
}
"#;
pub(crate) const WF4941F5B: &str = r#"
@group(0) @binding(5)
var<storage, read_write> partials: array<f32>;
"#;
pub(crate) const WF5024ECD: &str = r#"
@group(0) @binding(5)
var<storage, read> share: array<f32>;
"#;
pub(crate) const WF55E471B: &str = r#"
@group(0) @binding(4)
var<storage, read> roots: array<f32>;
"#;
pub(crate) const WF60888A1: &str = r#"
alias Sum = coop_mat8x8<f32, C>;
"#;
pub(crate) const WF6360019: &str = r#"enable wgpu_cooperative_matrix;
"#;
pub(crate) const WF63A0AB8: &str = r#"
const ACROSS: u32 = 72u;
"#;
pub(crate) const WF64FD81E: &str = r#"
@group(0) @binding(4)
var<storage, read_write> keys: array<u32>;
"#;
pub(crate) const WF679EE3A: &str = r#"
@group(0) @binding(5)
var<storage, read_write> dgates: array<f32>;
"#;
pub(crate) const WF785DAAF: &str = r#"
fn right(column: u32, step: u32) -> mat4x4<f32> {
    return mat4x4<f32>(x_guarded(step, column), x_guarded(step + 1u, column), x_guarded(step + 2u, column), x_guarded(step + 3u, column));
}
"#;
pub(crate) const WF836C876: &str = r#"
const STEPS: u32 = 16u;
"#;
pub(crate) const WF858C72F: &str = r#"
@compute @workgroup_size(64)
fn cached_write(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let number = group_number(group) * 64u + local;
    let columns = arguments.kv_heads * arguments.head_size;
    let number_of_row = number / columns;
    if number_of_row >= arguments.rows {
        return;
    }
    let chunk = cursor[number_of_row / arguments.time];
    let t = number_of_row % arguments.time;
    let position = chunk.start + t;
    if t >= chunk.length || position >= arguments.positions {
        return;
    }
    let column = number % columns;
    let head = column / arguments.head_size;
    let d = column % arguments.head_size;
    let row = number_of_row * (arguments.heads + 2u * arguments.kv_heads) + arguments.heads + head;
    let cache = chunk.text * arguments.kv_heads + head;
    let slot = (cache * arguments.positions + position) * arguments.head_size + d;
    keys[slot] = qkv[row * arguments.head_size + d];
    values[slot] = qkv[(row + arguments.kv_heads) * arguments.head_size + d];
}
"#;
pub(crate) const WF85A4102: &str = r#"
const CHUNK: u32 = 16384u;
"#;
pub(crate) const WF94D40CC: &str = r#"
@group(0) @binding(3)
var<storage, read> targets: array<u32>;
"#;
pub(crate) const WF991F24F: &str = r#"
const GELU_EXACT: u32 = 0u;
"#;
pub(crate) const WFAEE3825: &str = r#"@compute @workgroup_size(INVOCATIONS)
fn linear_input_backward_tiled(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    product = group.z;
    let slice = group_number(group) / arguments.tiles;
    let steps = slice_steps(slice);
    if steps.x >= arguments.inner {
        return;
    }
    let tile = tile_corner(group_number(group) % arguments.tiles, arguments.column_tiles, SIDE);
    let corner = block_corner(index % 64u, 8u);
    let staged = staged_place(index);
    var blocks = mat4x4<f32>();
    for (var first = steps.x; first < steps.y; first += STEPS) {
        let step = first + staged.y;
        var staged_left = mat4x4<f32>();
        var staged_right = mat4x4<f32>();
        if step < steps.y && stages_left(index) {
            staged_left = left(tile.x + staged.x, step);
        }
        if step < steps.y && stages_right(index) {
            staged_right = right(tile.y + staged.x, step);
        }
        stage(index, staged_left, staged_right);
        workgroupBarrier();
        multiply_staged(&blocks, index);
        workgroupBarrier();
    }
    let row = tile.x + corner.x;
    let column = tile.y + corner.y;
    store_row(slice, row + index / 64u, column, row_of_sum(blocks, index));
}
"#;
pub(crate) const WFBB6A2E8: &str = r#"
@group(0) @binding(2)
var<storage, read> draws: array<f32>;
"#;
pub(crate) const WFF997C53: &str = r#"
@group(0) @binding(4)
var<storage, read> rows: array<vec2<f32>>;
"#;
