import { describe, expect, it } from 'vitest';
import { yamlList } from '../../../src/check/guest/cloud-init.ts';

describe('yamlList', () => {
  it.each([
    ['datasource_list: [ Azure ]\n', ['Azure']],
    ['datasource_list: [Azure, None]\n', ['Azure', 'None']],
    ['datasource_list: [ "Azure", \'None\' ] # both\n', ['Azure', 'None']],
    ['datasource_list: [\n  Azure,\n  None,\n]\nother: 1\n', ['Azure', 'None']],
    ['datasource_list:\n- Azure\n- None\nother:\n- x\n', ['Azure', 'None']],
    ['datasource_list:\n  # first\n  - Azure # here\n\n  - None\nother: 1\n', ['Azure', 'None']],
    ['datasource_list:\n - [scripts-user, always]\n - mounts: x\n', ['scripts-user', 'mounts']],
    ['datasource_list: [A]\ndatasource_list: [B]\n', ['B']],
    ['datasource_list:\n', []],
    ['datasource_list: []\n', []],
    ['datasource_list: [ Azure\n', []],
    ['# datasource_list: [ Azure ]\n  datasource_list: [ X ]\n', undefined],
  ])('reads %j', (text, values) => {
    expect(yamlList(text, 'datasource_list')).toEqual(values);
  });
});
