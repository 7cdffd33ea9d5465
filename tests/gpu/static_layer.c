// A Vulkan layer for tests/gpu/static. It writes what the driver's compiler says of each compute pipeline (VK_KHR_pipeline_executable_properties)
// to $STATIC_OUT/NUMBER as lines `name<TAB>value`, with the pipeline's label, treats every submission as finished, since the drivers run
// without a device, and answers the program's question whether 16-bit floats overflow to infinity.
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vulkan/vk_layer.h>
#include <vulkan/vulkan.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static PFN_vkGetInstanceProcAddr next_instance;
static PFN_vkGetDeviceProcAddr next_device;
static VkInstance instance;
static VkPipeline pipelines[4096];
static unsigned pipeline_count;
static struct { VkSemaphore semaphore; uint64_t value; } timelines[4096];
static unsigned timeline_count;
static struct { VkBuffer buffer; VkDeviceMemory memory; VkDeviceSize offset; } places[1 << 16];
static unsigned place_count;
static struct { VkDeviceMemory memory; char *start; } mappings[4096];
static unsigned mapping_count;

#define NEXT(device, name) ((PFN_vk##name)next_device(device, "vk" #name))

static FILE *record(unsigned number, const char *mode) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%04u", getenv("STATIC_OUT"), number);
    return fopen(path, mode);
}

// Statistics.

static void describe(VkDevice device, VkPipeline pipeline) {
    if (pipeline_count == 4096) return;
    pipelines[pipeline_count] = pipeline;
    FILE *file = record(pipeline_count++, "w");
    if (!file) return;
    VkPipelineInfoKHR info = {VK_STRUCTURE_TYPE_PIPELINE_INFO_KHR, NULL, pipeline};
    VkPipelineExecutablePropertiesKHR executables[16];
    uint32_t count = 16;
    for (uint32_t at = 0; at < count; at++)
        executables[at] = (VkPipelineExecutablePropertiesKHR){VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_PROPERTIES_KHR};
    NEXT(device, GetPipelineExecutablePropertiesKHR)(device, &info, &count, executables);
    for (uint32_t at = 0; at < count; at++) {
        fprintf(file, "subgroup\t%u\n", executables[at].subgroupSize);
        VkPipelineExecutableInfoKHR executable = {VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR, NULL, pipeline, at};
        VkPipelineExecutableStatisticKHR figures[64];
        uint32_t figure_count = 64;
        for (uint32_t one = 0; one < figure_count; one++)
            figures[one] = (VkPipelineExecutableStatisticKHR){VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR};
        NEXT(device, GetPipelineExecutableStatisticsKHR)(device, &executable, &figure_count, figures);
        for (uint32_t one = 0; one < figure_count; one++) {
            VkPipelineExecutableStatisticKHR figure = figures[one];
            switch (figure.format) {
            case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_BOOL32_KHR: fprintf(file, "%s\t%u\n", figure.name, figure.value.b32); break;
            case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_FLOAT64_KHR: fprintf(file, "%s\t%g\n", figure.name, figure.value.f64); break;
            default: fprintf(file, "%s\t%lld\n", figure.name, (long long)figure.value.i64);
            }
        }
    }
    fclose(file);
}

static VKAPI_ATTR VkResult VKAPI_CALL CreateComputePipelines(VkDevice device, VkPipelineCache cache, uint32_t count,
        const VkComputePipelineCreateInfo *infos, const VkAllocationCallbacks *allocator, VkPipeline *made) {
    VkComputePipelineCreateInfo *copies = malloc(count * sizeof *copies);
    for (uint32_t at = 0; at < count; at++) {
        copies[at] = infos[at];
        copies[at].flags |= VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR;
    }
    VkResult result = NEXT(device, CreateComputePipelines)(device, cache, count, copies, allocator, made);
    free(copies);
    pthread_mutex_lock(&lock);
    for (uint32_t at = 0; at < count && result == VK_SUCCESS; at++) describe(device, made[at]);
    pthread_mutex_unlock(&lock);
    return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL SetDebugUtilsObjectNameEXT(VkDevice device, const VkDebugUtilsObjectNameInfoEXT *name) {
    pthread_mutex_lock(&lock);
    for (unsigned at = pipeline_count; name->objectType == VK_OBJECT_TYPE_PIPELINE && at-- > 0;)
        if ((uint64_t)pipelines[at] == name->objectHandle) {
            FILE *file = record(at, "a");
            if (file) fprintf(file, "label\t%s\n", name->pObjectName), fclose(file);
            break;
        }
    pthread_mutex_unlock(&lock);
    return VK_SUCCESS;
}

// Submissions that are finished at once. wgpu waits for values of timeline semaphores.

static VKAPI_ATTR VkResult VKAPI_CALL CreateSemaphore(VkDevice device, const VkSemaphoreCreateInfo *info,
        const VkAllocationCallbacks *allocator, VkSemaphore *semaphore) {
    static uint64_t made = 0x1000;
    // The drivers cannot create timelines without a kernel driver.
    if (NEXT(device, CreateSemaphore)(device, info, allocator, semaphore) != VK_SUCCESS) *semaphore = (VkSemaphore)(made += 16);
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL QueueSubmit(VkQueue queue, uint32_t count, const VkSubmitInfo *submits, VkFence fence) {
    pthread_mutex_lock(&lock);
    for (uint32_t at = 0; at < count; at++) {
        const VkTimelineSemaphoreSubmitInfo *values = submits[at].pNext;
        while (values && values->sType != VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO) values = values->pNext;
        for (uint32_t one = 0; values && one < values->signalSemaphoreValueCount; one++) {
            unsigned place = 0;
            while (place < timeline_count && timelines[place].semaphore != submits[at].pSignalSemaphores[one]) place++;
            if (place == timeline_count && timeline_count < 4096) timeline_count++;
            if (place == timeline_count) continue;
            timelines[place].semaphore = submits[at].pSignalSemaphores[one];
            timelines[place].value = values->pSignalSemaphoreValues[one];
        }
    }
    pthread_mutex_unlock(&lock);
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL GetSemaphoreCounterValue(VkDevice device, VkSemaphore semaphore, uint64_t *value) {
    *value = 0;
    pthread_mutex_lock(&lock);
    for (unsigned at = 0; at < timeline_count; at++)
        if (timelines[at].semaphore == semaphore) *value = timelines[at].value;
    pthread_mutex_unlock(&lock);
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL WaitSemaphores(VkDevice device, const VkSemaphoreWaitInfo *info, uint64_t timeout) {
    return VK_SUCCESS;
}

// Reading 8 bytes of a buffer gives four 16-bit floats as after an overflow: ∞, −∞, the largest one, 1.

static VKAPI_ATTR VkResult VKAPI_CALL BindBufferMemory(VkDevice device, VkBuffer buffer, VkDeviceMemory memory, VkDeviceSize offset) {
    pthread_mutex_lock(&lock);
    if (place_count < sizeof places / sizeof *places) {
        places[place_count].buffer = buffer;
        places[place_count].memory = memory;
        places[place_count++].offset = offset;
    }
    pthread_mutex_unlock(&lock);
    return NEXT(device, BindBufferMemory)(device, buffer, memory, offset);
}

static VKAPI_ATTR VkResult VKAPI_CALL MapMemory(VkDevice device, VkDeviceMemory memory, VkDeviceSize offset, VkDeviceSize size,
        VkMemoryMapFlags flags, void **data) {
    VkResult result = NEXT(device, MapMemory)(device, memory, offset, size, flags, data);
    pthread_mutex_lock(&lock);
    if (result == VK_SUCCESS && mapping_count < sizeof mappings / sizeof *mappings) {
        mappings[mapping_count].memory = memory;
        mappings[mapping_count++].start = (char *)*data - offset;
    }
    pthread_mutex_unlock(&lock);
    return result;
}

static VKAPI_ATTR void VKAPI_CALL CmdCopyBuffer(VkCommandBuffer commands, VkBuffer from, VkBuffer to, uint32_t count, const VkBufferCopy *regions) {
    static const uint16_t halves[4] = {0x7c00, 0xfc00, 0x7bff, 0x3c00};
    if (count != 1 || regions->size != sizeof halves) return;
    pthread_mutex_lock(&lock);
    unsigned place = place_count, mapping = mapping_count;
    while (place > 0 && places[place - 1].buffer != to) place--;
    while (place > 0 && mapping > 0 && mappings[mapping - 1].memory != places[place - 1].memory) mapping--;
    if (place > 0 && mapping > 0)
        memcpy(mappings[mapping - 1].start + places[place - 1].offset + regions->dstOffset, halves, sizeof halves);
    pthread_mutex_unlock(&lock);
}

// The loader's interface.

static VkLayerInstanceCreateInfo *instance_link(const void *chain) {
    VkLayerInstanceCreateInfo *link = (void *)chain;
    while (link->sType != VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO || link->function != VK_LAYER_LINK_INFO) link = (void *)link->pNext;
    return link;
}

static VKAPI_ATTR VkResult VKAPI_CALL CreateInstance(const VkInstanceCreateInfo *info, const VkAllocationCallbacks *allocator, VkInstance *made) {
    VkLayerInstanceCreateInfo *link = instance_link(info->pNext);
    next_instance = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;
    VkResult result = ((PFN_vkCreateInstance)next_instance(NULL, "vkCreateInstance"))(info, allocator, made);
    if (result == VK_SUCCESS) instance = *made;
    return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL CreateDevice(VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
        const VkAllocationCallbacks *allocator, VkDevice *made) {
    VkLayerDeviceCreateInfo *link = (void *)info->pNext;
    while (link->sType != VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO || link->function != VK_LAYER_LINK_INFO) link = (void *)link->pNext;
    next_device = link->u.pLayerInfo->pfnNextGetDeviceProcAddr;
    PFN_vkGetInstanceProcAddr next = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;
    VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR feature = {
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR, (void *)info->pNext, VK_TRUE};
    VkDeviceCreateInfo copy = *info;
    const char **names = malloc((info->enabledExtensionCount + 1) * sizeof *names);
    memcpy(names, info->ppEnabledExtensionNames, info->enabledExtensionCount * sizeof *names);
    names[copy.enabledExtensionCount++] = VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME;
    copy.ppEnabledExtensionNames = names;
    copy.pNext = &feature;
    VkResult result = ((PFN_vkCreateDevice)next(instance, "vkCreateDevice"))(physical, &copy, allocator, made);
    free(names);
    return result;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL of_device(VkDevice device, const char *name);
static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL of_instance(VkInstance of, const char *name);

static PFN_vkVoidFunction own(const char *name) {
    static const struct { const char *name; void *function; } all[] = {
        {"vkCreateInstance", CreateInstance}, {"vkCreateDevice", CreateDevice}, {"vkCreateComputePipelines", CreateComputePipelines},
        {"vkSetDebugUtilsObjectNameEXT", SetDebugUtilsObjectNameEXT}, {"vkCreateSemaphore", CreateSemaphore}, {"vkQueueSubmit", QueueSubmit},
        {"vkGetSemaphoreCounterValue", GetSemaphoreCounterValue}, {"vkGetSemaphoreCounterValueKHR", GetSemaphoreCounterValue},
        {"vkBindBufferMemory", BindBufferMemory}, {"vkMapMemory", MapMemory}, {"vkCmdCopyBuffer", CmdCopyBuffer},
        {"vkWaitSemaphores", WaitSemaphores}, {"vkWaitSemaphoresKHR", WaitSemaphores},
        {"vkGetDeviceProcAddr", of_device}, {"vkGetInstanceProcAddr", of_instance},
    };
    for (size_t at = 0; at < sizeof all / sizeof *all; at++)
        if (!strcmp(name, all[at].name)) return (PFN_vkVoidFunction)all[at].function;
    return NULL;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL of_device(VkDevice device, const char *name) {
    PFN_vkVoidFunction ours = own(name);
    return ours ? ours : next_device(device, name);
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL of_instance(VkInstance of, const char *name) {
    PFN_vkVoidFunction ours = own(name);
    return ours ? ours : next_instance ? next_instance(of, name) : NULL;
}

__attribute__((visibility("default"))) VKAPI_ATTR VkResult VKAPI_CALL vkNegotiateLoaderLayerInterfaceVersion(VkNegotiateLayerInterface *version) {
    if (version->loaderLayerInterfaceVersion > 2) version->loaderLayerInterfaceVersion = 2;
    version->pfnGetInstanceProcAddr = of_instance;
    version->pfnGetDeviceProcAddr = of_device;
    version->pfnGetPhysicalDeviceProcAddr = NULL;
    return VK_SUCCESS;
}
