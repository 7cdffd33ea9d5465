// Sum over a workgroup by its subgroups: each adds up what its invocations hold without a barrier, and the sums meet in workgroup
// memory, two barriers in all where reduce.wgsl takes one for each halving. `size` is the number of invocations, up to 256. All
// invocations must arrive and all get the result.
//
// Nothing is assumed of subgroups but that each invocation is in one: they may be of any size, larger than the workgroup, partly
// filled, and numbered in any order. Each goes through what all have written, a subgroup's width at a time, so that no invocation
// needs to know how many others there are. The order of additions is the device's own, and the same every time.
//
// Only natively: wgpu requests no subgroups of a browser, and naga, which translates elsewhere, refuses the line
// `enable subgroups;` that a browser insists on.

var<workgroup> parts: array<f32, 256>;

fn sum_of_subgroups(value: f32, local: u32, size: u32) -> f32 {
    let width = subgroupAdd(1u);
    let place = subgroupExclusiveAdd(1u);
    let own = subgroupAdd(value);
    // The first of a subgroup speaks for it.
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
