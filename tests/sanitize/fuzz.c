/* Random jobs for the native LUT kernel: every buffer is exactly as long as its view reaches, so
   that a sanitizer sees the first byte too far; kernels must agree with portable C, elements
   between the strides of an output must stay, and threads must not change a bit. */
#include "lut.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *harmaug_kernel(int position);
int harmaug_forward(const Job *job, const char *kernel);
int harmaug_backward(const Job *job, const char *kernel);
int harmaug_pool(const Pool *pool, const char *kernel);
int harmaug_describe(const Regions *regions, const char *kernel);
int harmaug_judge(const Judge *judge, const char *kernel);
int harmaug_transport(const Transport *map, const char *kernel);

static uint64_t state;

static uint64_t draw(void) /* splitmix64 */
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static int64_t below(int64_t limit) { return (int64_t)(draw() % (uint64_t)limit); }

static float uniform(void) { return (float)(draw() >> 40) * 0x1p-24f; }

static int64_t bytes_of(int64_t type)
{
    return type == FLOAT32 ? 4 : type == UINT8 || type == BOOL ? 1 : 2;
}

/* What a view addresses. */
typedef struct {
    int64_t batch, luts, channels, height, width;
} Shape;

static int64_t elements(Shape s) { return s.batch * s.luts * s.channels * s.height * s.width; }

static int64_t reach(const View *v, Shape s)
{
    return 1 + (s.batch - 1) * v->batch + (s.luts - 1) * v->lut + (s.channels - 1) * v->channel +
           (s.height - 1) * v->row + (s.width - 1) * v->column;
}

/* Planes, interleaved channels, transposed planes, or planes with gaps. */
static View lay_out(Shape s, int64_t type, int layout)
{
    View v = {0};
    const int64_t gap = layout == 3 ? 1 + below(3) : 1;
    v.dtype = type;
    if (layout == 1) {
        v.channel = 1;
        v.column = s.channels;
        v.row = s.width * s.channels;
    } else if (layout == 2) {
        v.row = 1;
        v.column = s.height;
        v.channel = s.width * s.height;
    } else {
        v.column = gap;
        v.row = s.width * gap + gap - 1;
        v.channel = s.height * v.row + gap - 1;
    }
    v.lut = s.channels * s.height * s.width * gap + s.channels * s.height * gap * 2;
    v.batch = s.luts * v.lut;
    return v;
}

static void allocate(View *v, Shape s)
{
    v->data = elements(s) ? malloc((size_t)(reach(v, s) * bytes_of(v->dtype))) : NULL;
}

static int64_t at(const View *v, Shape s, int64_t i)
{
    int64_t offset = i % s.width * v->column;
    offset += (i /= s.width) % s.height * v->row;
    offset += (i /= s.height) % s.channels * v->channel;
    offset += (i /= s.channels) % s.luts * v->lut;
    return offset + i / s.luts * v->batch;
}

static int64_t grid_floats(const Job *job)
{
    return job->grid_rows * job->grid_columns * 3 * job->size * job->size * job->size;
}

static float value_at(const View *v, int64_t offset)
{
    if (v->dtype == FLOAT32)
        return ((const float *)v->data)[offset];
    if (v->dtype == UINT8)
        return ((const uint8_t *)v->data)[offset] / 255.0f;
    const uint16_t half = ((const uint16_t *)v->data)[offset];
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    if (v->dtype == FLOAT16) {
        const int exponent = half >> 10 & 31, fraction = half & 1023;
        value = exponent == 31  ? (fraction ? NAN : INFINITY)
                : exponent == 0 ? ldexpf((float)fraction, -24)
                                : ldexpf((float)(1024 + fraction), exponent - 25);
        value = half & 0x8000 ? -value : value;
    }
    return value;
}

/* Any bits, or plain colours with a few special values. */
static void fill(const View *v, Shape s, int wild)
{
    static const float special[] = {0,    -0.0f, 1,        1e-42f,    -1e-42f,
                                    1.5f, -7,    INFINITY, -INFINITY, NAN};
    if (!v->data)
        return;
    for (int64_t i = 0, length = reach(v, s) * bytes_of(v->dtype); i < length; i++)
        v->data[i] = (char)draw();
    for (int64_t i = 0, length = reach(v, s); v->dtype == FLOAT32 && !wild && i < length; i++)
        ((float *)v->data)[i] = below(40) ? uniform() * 1.4f - 0.2f : special[below(10)];
}

static void fill_lut(const View *v, Shape s, int wild)
{
    fill(v, s, wild);
    for (int64_t i = 0, length = reach(v, s); v->data && !wild && i < length; i++)
        ((float *)v->data)[i] = uniform() * 1.4f - 0.2f;
}

static void fail(uint64_t number, const char *kernel, const char *what)
{
    fprintf(stderr, "case %llu, %s: %s\n", (unsigned long long)number, kernel, what);
    exit(1);
}

static void same_gaps(const View *v, Shape s, const char *before, uint64_t number,
                      const char *kernel)
{
    const int64_t length = reach(v, s), bytes = bytes_of(v->dtype);
    char *written = calloc((size_t)length, 1);
    for (int64_t i = 0; i < elements(s); i++)
        written[at(v, s, i)] = 1;
    for (int64_t i = 0; i < length; i++)
        if (!written[i] && memcmp(v->data + i * bytes, before + i * bytes, (size_t)bytes) != 0)
            fail(number, kernel, "wrote between the elements of its output");
    free(written);
}

static void compare(const View *v, const View *expected, Shape s, uint64_t number,
                    const char *kernel)
{
    static const float close[] = {1e-5f, 2e-3f, 1e-2f, 1.01f / 255};
    for (int64_t i = 0; i < elements(s); i++) {
        const int64_t offset = at(v, s, i);
        const float a = value_at(v, offset), b = value_at(expected, offset);
        if (isnan(a) != isnan(b) || fabsf(a - b) > close[v->dtype])
            fail(number, kernel, "differs from portable C");
    }
}

static void forward_case(Job job, Shape out, int wild, uint64_t number)
{
    const size_t length =
        job.result.data ? (size_t)(reach(&job.result, out) * bytes_of(job.result.dtype)) : 0;
    View expected = job.result;
    char *before = malloc(length + 1);
    memcpy(before, job.result.data ? job.result.data : "", length);
    expected.data = malloc(length + 1);
    job.result.data = memcpy(expected.data, before, length);
    harmaug_forward(&job, "portable");
    const char *kernel;
    for (int k = 0; (kernel = harmaug_kernel(k)) && length; k++) {
        job.result.data = memcpy(malloc(length), before, length);
        if (harmaug_forward(&job, kernel) != 0)
            fail(number, kernel, "forward failed");
        same_gaps(&job.result, out, before, number, kernel);
        if (!wild)
            compare(&job.result, &expected, out, number, kernel);
        free(job.result.data);
    }
    free(expected.data);
    free(before);
}

static void backward_case(Job job, uint64_t number)
{
    const Shape image = {job.batch, 1, 3, job.height, job.width},
                mask = {job.batch, 1, 1, job.height, job.width};
    const Shape lut = {job.batch, job.luts, 1, 1, grid_floats(&job)};
    const Shape shapes[3] = {image, mask, lut};
    View views[3] = {lay_out(image, job.image.dtype, (int)below(4)), lay_out(mask, FLOAT32, 0),
                     lay_out(lut, FLOAT32, 0)};
    const int wanted = (int)below(8);
    views[2].lut = lut.width;
    views[2].batch = job.luts * lut.width;
    const char *kernel;
    for (int k = 0; (kernel = harmaug_kernel(k)); k++) {
        char *first[3] = {0};
        for (int threads = 1; threads <= 4; threads += 3) {
            View *grads[3] = {&job.grad_image, &job.grad_mask, &job.grad_lut};
            job.threads = threads;
            for (int i = 0; i < 3; i++) {
                *grads[i] = views[i];
                if (wanted >> i & 1 && (i != 1 || job.mask.data))
                    allocate(grads[i], shapes[i]);
                if (grads[i]->data)
                    memset(grads[i]->data, 7,
                           (size_t)(reach(grads[i], shapes[i]) * bytes_of(grads[i]->dtype)));
            }
            if (harmaug_backward(&job, kernel) != 0)
                fail(number, kernel, "backward failed");
            for (int i = 0; i < 3; i++) {
                const size_t length =
                    grads[i]->data
                        ? (size_t)(reach(grads[i], shapes[i]) * bytes_of(grads[i]->dtype))
                        : 0;
                if (first[i] && memcmp(first[i], grads[i]->data, length) != 0)
                    fail(number, kernel, "threads change a gradient");
                free(first[i]);
                first[i] = grads[i]->data;
            }
        }
        for (int i = 0; i < 3; i++)
            free(first[i]);
    }
}

/* Kernels must agree with portable C, and threads must not change a bit. */
static void pool_case(const Job *job, int wild, uint64_t number)
{
    Pool pool = {.batch = job->batch,
                 .height = job->height,
                 .width = job->width,
                 .rows = 1 + below(job->height),
                 .columns = 1 + below(job->width),
                 .image = job->image,
                 .mask = job->mask};
    const size_t bytes = (size_t)(pool.batch * 8 * pool.rows * pool.columns) * sizeof(float);
    float *expected = malloc(bytes), *first = malloc(bytes);
    const char *kernel;
    pool.threads = 1;
    pool.result = expected;
    if (harmaug_pool(&pool, "portable") != 0)
        fail(number, "portable", "pool failed");
    for (int k = 0; (kernel = harmaug_kernel(k)); k++)
        for (pool.threads = 1; pool.threads <= 4; pool.threads += 3) {
            pool.result = pool.threads == 1 ? first : malloc(bytes);
            harmaug_pool(&pool, kernel);
            if (pool.threads > 1 && memcmp(first, pool.result, bytes) != 0)
                fail(number, kernel, "threads change a thumbnail");
            for (size_t i = 0; i < bytes / sizeof(float) && !wild; i++)
                if (fabsf(first[i] - expected[i]) > 1e-4f * (1 + fabsf(expected[i])))
                    fail(number, kernel, "pools differently from portable C");
            if (pool.threads > 1)
                free(pool.result);
        }
    free(expected);
    free(first);
}

static float *floats(int64_t count, float scale)
{
    float *values = malloc((size_t)count * sizeof(float));
    for (int64_t i = 0; i < count; i++)
        values[i] = scale * uniform();
    return values;
}

static void near(const float *found, const float *expected, int64_t count, float close,
                 uint64_t number, const char *kernel)
{
    for (int64_t i = 0; i < count; i++)
        if (!(fabsf(found[i] - expected[i]) <= close * (1 + fabsf(expected[i]))))
            fail(number, kernel, "measures differently from portable C");
}

static void describe_case(uint64_t number)
{
    enum { NUMBERS = 36 };
    Regions regions = {.regions = 1 + below(5), .pixels = 1 + below(600)};
    regions.weight_batch = regions.pixels;
    regions.colour_channel = regions.pixels + below(3);
    regions.colour_batch = 3 * regions.colour_channel + below(3);
    const int64_t numbers = regions.regions * NUMBERS;
    float *colours = floats((regions.regions - 1) * regions.colour_batch +
                                2 * regions.colour_channel + regions.pixels,
                            1.0f);
    float *weights = floats(regions.regions * regions.pixels, 1.0f);
    float *expected = floats(numbers, 0.0f), *first = floats(numbers, 0.0f);
    for (int64_t i = below(2); i < regions.regions * regions.pixels; i += 1 + below(2))
        weights[i] = 0.0f;
    regions.colours = colours;
    regions.weights = weights;
    regions.threads = 1;
    regions.result = expected;
    harmaug_describe(&regions, "portable");
    const char *kernel;
    for (int k = 0; (kernel = harmaug_kernel(k)); k++)
        for (regions.threads = 1; regions.threads <= 4; regions.threads += 3) {
            regions.result = regions.threads == 1 ? first : floats(numbers, 0.0f);
            harmaug_describe(&regions, kernel);
            near(first, expected, numbers, 1e-4f, number, kernel);
            if (regions.threads > 1) {
                if (memcmp(first, regions.result, (size_t)numbers * sizeof(float)) != 0)
                    fail(number, kernel, "threads change a description");
                free(regions.result);
            }
        }
    free(colours);
    free(weights);
    free(expected);
    free(first);
}

/* Sums round otherwise in other kernels, so verdicts are compared between threads alone. */
static void judge_case(const Job *job, uint64_t number)
{
    Judge judge = {.job = *job, .border = 0.49f, .most = 0.1f, .contrast = 0.16f};
    const size_t verdicts = (size_t)(job->batch * job->luts);
    const char *kernel;
    judge.job.tetrahedral = 0;
    judge.job.result = (View){0};
    for (int k = 0; (kernel = harmaug_kernel(k)); k++) {
        uint8_t *first = malloc(verdicts);
        for (judge.job.threads = 1; judge.job.threads <= 4; judge.job.threads += 3) {
            judge.result = judge.job.threads == 1 ? first : malloc(verdicts);
            if (harmaug_judge(&judge, kernel) != 0)
                fail(number, kernel, "judging failed");
            if (judge.job.threads > 1) {
                if (memcmp(first, judge.result, verdicts) != 0)
                    fail(number, kernel, "threads change a verdict");
                free(judge.result);
            }
        }
        free(first);
    }
}

static void transport_case(uint64_t number)
{
    Transport map = {.rows = 1 + below(40),
                     .shared = 1 + below(9),
                     .couplings = 1 + below(COUPLINGS),
                     .size = 1 + below(25),
                     .width = 1 + below(20),
                     .reach = 1.5f};
    const int64_t size = map.size, width = map.width, photos = (map.rows - 1) / map.shared + 1;
    float *parts[] = {floats(photos * map.couplings * width, 1.0f),
                      floats(map.rows * size, 1.0f),
                      floats(map.couplings * width * size, 0.2f),
                      floats(map.couplings * 2 * size * width, 0.2f),
                      floats(map.couplings * 2 * size, 0.2f),
                      floats(size * size, 0.2f),
                      floats(size, 0.2f)};
    const float **slots[] = {&map.seen,      &map.latent, &map.first, &map.last,
                             &map.last_bias, &map.scale,  &map.mean};
    const int64_t numbers = map.rows * size;
    float *expected = floats(numbers, 0.0f), *first = floats(numbers, 0.0f);
    for (int i = 0; i < 7; i++)
        *slots[i] = parts[i];
    for (int64_t k = 0; k < map.couplings; k++) {
        map.weights[k] = floats(width * width, 0.2f);
        map.bias[k] = floats(width, 0.2f);
    }
    map.threads = 1;
    map.result = expected;
    harmaug_transport(&map, "portable");
    const char *kernel;
    for (int k = 0; (kernel = harmaug_kernel(k)); k++)
        for (map.threads = 1; map.threads <= 4; map.threads += 3) {
            map.result = map.threads == 1 ? first : floats(numbers, 0.0f);
            if (harmaug_transport(&map, kernel) != 0)
                fail(number, kernel, "transport failed");
            near(first, expected, numbers, 1e-3f, number, kernel);
            if (map.threads > 1) {
                if (memcmp(first, map.result, (size_t)numbers * sizeof(float)) != 0)
                    fail(number, kernel, "threads change a code");
                free(map.result);
            }
        }
    for (int i = 0; i < 7; i++)
        free(parts[i]);
    for (int64_t k = 0; k < map.couplings; k++) {
        free((float *)map.weights[k]);
        free((float *)map.bias[k]);
    }
    free(expected);
    free(first);
}

static void run_case(uint64_t number)
{
    static const int64_t sizes[] = {2, 3, 4, 5, 9, 17, 36, 37};
    state = number * 0x2545f4914f6cdd1du;
    Job job = {.batch = below(8) ? 1 + below(2) : 0,
               .luts = below(8) ? 1 + below(3) : 0,
               .height = below(6),
               .width = below(8) ? below(40) : below(600),
               .size = sizes[below(below(4) ? 6 : 8)],
               .threads = 1 + below(4),
               .grid_rows = 1,
               .grid_columns = 1,
               .tetrahedral = below(2)};
    if (below(2)) { /* large grids of small LUTs alone */
        const int64_t most = job.size < 6 ? 6 : 3;
        job.grid_rows = 1 + below(most);
        job.grid_columns = below(20) || most < 6 ? 1 + below(most) : 50;
    }
    const Shape image = {job.batch, 1, 3, job.height, job.width},
                mask = {job.batch, 1, 1, job.height, job.width};
    const Shape out = {job.batch, job.luts, 3, job.height, job.width};
    const Shape lut = {job.batch, job.luts, 1, 1, grid_floats(&job)};
    const int wild = below(4) == 0;

    job.image = lay_out(image, below(4), (int)below(4));
    allocate(&job.image, image);
    fill(&job.image, image, wild);
    if (below(3)) {
        job.mask = lay_out(mask, below(2) ? FLOAT32 : BOOL, (int)below(4));
        if (below(4) == 0)
            job.mask.batch = 0;
        allocate(&job.mask, mask);
        fill(&job.mask, mask, wild);
        for (int64_t i = 0; job.mask.data && below(2) && i < elements(mask); i++)
            memset(job.mask.data + at(&job.mask, mask, i) * bytes_of(job.mask.dtype), 0,
                   (size_t)bytes_of(job.mask.dtype));
    }
    job.lut = (View){.dtype = FLOAT32,
                     .lut = lut.width,
                     .batch = below(2) ? lut.width * job.luts : 0,
                     .column = 1};
    allocate(&job.lut, lut);
    fill_lut(&job.lut, lut, wild);
    job.result = lay_out(out, job.image.dtype, (int)below(4));
    allocate(&job.result, out);
    fill(&job.result, out, 0);

    if (job.lut.data || !elements(out)) {
        forward_case(job, out, wild, number);
        if (job.image.dtype != UINT8)
            backward_case(job, number);
    }
    if (job.image.data && job.mask.data)
        pool_case(&job, wild, number);
    if (job.image.data && job.mask.data && job.lut.data)
        judge_case(&job, number);
    describe_case(number);
    transport_case(number);
    free(job.image.data);
    free(job.mask.data);
    free(job.lut.data);
    free(job.result.data);
}

int main(int count, char **arguments)
{
    const uint64_t cases = count > 1 ? strtoull(arguments[1], NULL, 10) : 1000;
    const uint64_t first = count > 2 ? strtoull(arguments[2], NULL, 10) : 0;
    for (uint64_t i = first; i < first + cases; i++)
        run_case(i);
    printf("%llu cases on", (unsigned long long)cases);
    const char *kernel;
    for (int k = 0; (kernel = harmaug_kernel(k)); k++)
        printf(" %s", kernel);
    printf(": no finding\n");
    return 0;
}
