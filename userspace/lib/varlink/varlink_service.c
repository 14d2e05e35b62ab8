// SPDX-License-Identifier: MIT
/*
 * org.varlink.service: GetInfo and GetInterfaceDescription, so that varlinkctl
 * and its like can explore a server. Readable by every client.
 */

#include "lib/varlink/varlink_service.h"

#include <string.h>

#include "lib/base/json.h"

static const char service_description[] =
	"# What every varlink service can say about itself.\n"
	"interface " VARLINK_SERVICE "\n"
	"\n"
	"# Who made the service and which interfaces it has.\n"
	"method GetInfo() -> (\n"
	"  vendor: string,\n"
	"  product: string,\n"
	"  version: string,\n"
	"  url: string,\n"
	"  interfaces: []string\n"
	")\n"
	"\n"
	"# The text that describes one of the interfaces.\n"
	"method GetInterfaceDescription(interface: string) -> (description: string)\n"
	"\n"
	"# The service has no such interface.\n"
	"error InterfaceNotFound (interface: string)\n"
	"\n"
	"# The interface has no such method.\n"
	"error MethodNotFound (method: string)\n"
	"\n"
	"# The interface describes the method, but the service lacks it.\n"
	"error MethodNotImplemented (method: string)\n"
	"\n"
	"# A parameter is missing, unknown or of the wrong type.\n"
	"error InvalidParameter (parameter: string)\n"
	"\n"
	"# The caller may not call this method.\n"
	"error PermissionDenied ()\n"
	"\n"
	"# The method answers several times and must be called with 'more'.\n"
	"error ExpectedMore ()\n";

static int get_info(const struct varlink_service *service, struct varlink_call *call)
{
	_cleanup_json_ json_object *info = json_object_new_object();
	json_object *interfaces = json_object_new_array();

	json_add_string(info, "vendor", service->vendor);
	json_add_string(info, "product", service->product);
	json_add_string(info, "version", service->version);
	json_add_string(info, "url", service->url);
	json_object_array_add(interfaces, json_object_new_string(VARLINK_SERVICE));
	json_object_array_add(interfaces, json_object_new_string(service->interface));
	json_add_object(info, "interfaces", interfaces);
	return varlink_reply(call, info);
}

static int get_description(const struct varlink_service *service, struct varlink_call *call,
			   json_object *params)
{
	_cleanup_json_ json_object *reply = json_object_new_object();
	const char *interface = json_get_string(params, "interface");

	if (!interface)
		return varlink_error_parameter(call, "interface");
	if (!strcmp(interface, VARLINK_SERVICE)) {
		json_add_string(reply, "description", service_description);
		return varlink_reply(call, reply);
	}
	if (!strcmp(interface, service->interface)) {
		json_add_string(reply, "description", service->description);
		return varlink_reply(call, reply);
	}
	json_add_string(reply, "interface", interface);
	return varlink_error(call, VARLINK_ERROR_INTERFACE_NOT_FOUND, reply);
}

/**
 * varlink_service_answer() - answer a call of org.varlink.service
 * @service: that describes itself
 * @call: answered on return
 * @method: without the interface
 * @params: the call's parameters
 *
 * Return: 0, or negative when the client did not get the answer.
 */
int varlink_service_answer(const struct varlink_service *service, struct varlink_call *call,
			   const char *method, json_object *params)
{
	_cleanup_json_ json_object *reply = NULL;

	if (!strcmp(method, "GetInfo"))
		return get_info(service, call);
	if (!strcmp(method, "GetInterfaceDescription"))
		return get_description(service, call, params);
	reply = json_object_new_object();
	json_add_string(reply, "method", method);
	return varlink_error(call, VARLINK_ERROR_METHOD_NOT_FOUND, reply);
}
