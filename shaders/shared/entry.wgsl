// What an elementwise kernel handles at a time: a float, or four where the count divides by four. Values in f16 come in fours alone.

@if(scalar) alias Entry = f32;
@else alias Entry = vec4<f32>;

// Floats in an entry.
@if(scalar) const WIDTH: u32 = 1u;
@else const WIDTH: u32 = 4u;

// Sum over an entry's floats.
fn total(entry: Entry) -> f32 {
    @if(scalar) return entry;
    @else return entry.x + entry.y + entry.z + entry.w;
}
