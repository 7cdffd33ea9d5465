// What an operand that may be stored in half precision is in its buffer; arithmetic is on entries of 32-bit floats.

import package::shared::entry::Entry;

@if(half && vec4) alias Stored = vec4<f16>;
@if(half && !vec4) alias Stored = f16;
@if(!half) alias Stored = Entry;
